"""The doctor: reads what Lifeline depends on, and has each thing judged. Only a call that asks for it imports this."""
