"""The invoice on paper: a PDF by typst, drawn from what is stored with the document and nothing else."""
