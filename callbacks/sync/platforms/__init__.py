"""The platforms behind one interface: ``base`` says what each can be asked; ``web`` is their HTTP."""
