"""What the doctor concludes: from what was read, whether each thing that Lifeline depends on is as it must be."""
