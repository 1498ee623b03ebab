"""What a person reads after a run: the results table, its summary and the HTML report with pictures and sound."""
