"""Amendments: one module for each reason to change a plan. All are pure."""
