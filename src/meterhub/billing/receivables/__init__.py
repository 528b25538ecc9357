"""What is owed and how it is paid: due dates, references, barcodes, late interest, payments; pure."""
