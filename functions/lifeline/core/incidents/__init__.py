"""Diagnosis of silent agents, and the life of the incidents that group them."""
