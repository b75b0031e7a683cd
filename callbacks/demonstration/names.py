"""Who and what appears in the demonstration. Numbers come from ranges that are kept for fiction."""

AGENTS = (
    ("ana", "Ana Reyes", "America/New_York"),
    ("ben", "Ben Hughes", "Europe/London"),
    ("lena", "Lena Vogt", "Europe/Berlin"),
)
MORE_AGENTS = (
    "Amara Nwosu", "Bao Nguyen", "Carmen Ibarra", "Dmitri Sokolov", "Elif Kaya", "Farid Haddad",
    "Grace Kim", "Hannah Weiss", "Ibrahim Diallo", "Jonas Lindqvist", "Keiko Mori", "Luca Romano",
    "Maya Patel", "Noor Rahman", "Oscar Delgado", "Priya Menon", "Quinn Murphy", "Rosa Silva",
    "Stefan Novak", "Tara Byrne",
)  # fmt: skip
AGENT_ZONES = (
    "America/New_York", "Europe/London", "America/Chicago", "America/Los_Angeles", "Europe/Berlin",
    "America/Denver",
)  # fmt: skip
FIRST_NAMES = (
    "Liam", "Olivia", "Noah", "Aisha", "Mateo", "Yuki", "Chloé", "Tomasz", "Zara", "Hugo", "Ingrid",
    "Samuel", "Leila", "Kwame", "Nadia", "Ewan", "Sofía", "Arjun", "Freya", "Wei", "Fatima", "Niamh",
    "Jakub", "Camille", "Diego", "Hana", "Owen", "Ruth", "Malik", "Élise",
)  # fmt: skip
LAST_NAMES = (
    "Walker", "O'Connor", "Singh", "García", "Tanaka", "Müller", "Okafor", "Rossi", "Kowalski", "Chen",
    "Johansson", "Dubois", "Hassan", "Silva", "Campbell", "Ivanova", "Nguyen", "Brown", "Mensah",
    "Fischer", "Evans", "Martínez", "Khan", "Larsen", "Moreau", "Park", "Bennett", "Ali", "Novák",
    "Taylor",
)  # fmt: skip
QUEUES = ("Support", "Billing", "Sales", "Retention", "Technical")
TEAMS = {"Support": "Support", "Billing": "Sales & Billing", "Sales": "Sales & Billing",
         "Retention": "Support", "Technical": "Technical"}  # fmt: skip
SKILLS = ("Billing", "Networking", "Spanish", "Contracts")
REQUIRED = {"Billing": "Billing", "Technical": "Networking"}
REASONS = {
    "Support": ("Router drops the connection every evening", "Wants to know when the repair is done",
                "Password reset did not arrive", "Follow-up on the replaced device"),
    "Billing": ("Charged twice in October", "Wants a payment plan", "Asks about the final invoice"),
    "Sales": ("Quote for forty seats", "Compare the two business plans", "Upgrade before the holidays"),
    "Retention": ("Thinks about leaving, asked for an offer", "Contract ends next month"),
    "Technical": ("Firmware update failed twice", "Second-level check of the line", "Static IP"),
}  # fmt: skip
CANCELLED_BECAUSE = (
    "The contact called in before.", "Solved by e-mail.", "The contact asked not to be called.",
)  # fmt: skip
PLACES = (
    ("+1212555", "America/New_York"), ("+1617555", "America/New_York"), ("+1312555", "America/Chicago"),
    ("+1303555", "America/Denver"), ("+1415555", "America/Los_Angeles"), ("+1206555", "America/Los_Angeles"),
    ("+44207946", "Europe/London"), ("+44161496", "Europe/London"),
)  # fmt: skip
"""Beginnings of numbers that are never given to anybody, and where they would ring."""


def fictional_number(place: int) -> tuple[str, str]:
    """A number from the fictional ranges and its zone; no two alike for the first 2,000 places."""
    start, zone = PLACES[place % len(PLACES)]
    rest = place // len(PLACES)
    return (
        f"{start}01{rest % 100:02}" if start.startswith("+1") else f"{start}0{rest % 1000:03}"
    ), zone


def plentiful_number(place: int) -> tuple[str, str]:
    """A number for centres larger than fiction: valid in form, unique for eight million places."""
    start, zone = PLACES[place % 6]
    return f"{start[:5]}{2_000_000 + place // 6}", zone


GUIDES_AGENT = "8a9b0c1d-2e3f-4g5h-6i7j-8k9l0m1n2o3p"
"""An agent's id on the platform, as the guide's example has it: opaque, and no UUID."""
