"""Files of callbacks: uploaded, their columns chosen, checked, imported."""
