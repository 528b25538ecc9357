"""What follows an unpaid invoice: reminders, interest, collection, disconnection; each step a dated event."""
