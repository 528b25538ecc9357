"""E-invoices made from issued documents: Finvoice 3.0 and Peppol BIS Billing 3.0 (EHF); pure."""
