"""How large tables are kept: by time, in parts made ahead, packed, and dropped when their time is over."""
