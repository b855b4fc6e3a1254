//! Word lists of the invented world. All people are fictitious; all addresses end in a reserved domain.

pub(crate) const FIRST: [&str; 32] = [
    "Ada", "Boris", "Chloé", "Dmitri", "Elif", "Farid", "Greta", "Hana", "Igor", "Jürgen", "Kofi", "Lena",
    "Mateo", "Noor", "Olu", "Priya", "Quentin", "Rosa", "Søren", "Tomoko", "Uma", "Viktor", "Wanda",
    "Ximena", "Yusuf", "Zoë", "美咲", "Ivana", "Malik", "Nils", "Paula", "Tariq",
];

pub(crate) const LAST: [&str; 16] = [
    "Example",
    "Sample",
    "Placeholder",
    "Mockford",
    "Testwell",
    "Dummyson",
    "Fakenham",
    "Nobody",
    "Specimen",
    "Fixture",
    "Stubbs",
    "Loremski",
    "Ipsumova",
    "O'Template",
    "Von Invented",
    "Nonesuch",
];

pub(crate) const DEPARTMENTS: [&str; 8] =
    ["Astronomy", "Biology", "Chemistry", "", "History", "Library", "Mathematics", "Extension School"];

pub(crate) const COURSES: [&str; 16] = [
    "Introduction to Placeholders",
    "Lecture",
    "Weekly section",
    "Office hours",
    "Staff meeting",
    "Thesis defence",
    "Seminar: \"Fictional Data\"",
    "Lab & tutorial",
    "Q&A",
    "Réunion d'équipe",
    "研究会",
    "Review session",
    "Project stand-up",
    "Advising",
    "Zoom Meeting",
    "Guest talk / discussion",
];

pub(crate) const LOCATIONS: [&str; 12] = [
    "Cambridge (US)",
    "San Jose (US)",
    "Boston (US)",
    "United States",
    "München (DE)",
    "São Paulo (BR)",
    "Washington, D.C. (US)",
    "Tokyo (JP)",
    "",
    "London (GB)",
    "Québec (CA)",
    "Springfield (Unknown) (US)",
];

pub(crate) const DEVICES: [&str; 16] = [
    "Windows",
    "Mac",
    "iOS",
    "Android",
    "Windows",
    "Mac",
    "Windows 10",
    "win 10+ 17763",
    "win 11",
    "Web Browser Chrome 129",
    "Web",
    "Phone",
    "Zoom Rooms",
    "Unknown",
    "",
    "Mac + Phone",
];

pub(crate) const NETWORKS: [&str; 8] = ["Wifi", "Wifi", "Wired", "Wired", "Cellular", "Others", "PPP", ""];

pub(crate) const CONNECTIONS: [&str; 8] =
    ["UDP", "UDP", "UDP", "SSL", "P2P", "Reliable UDP", "TCP", "SSL+Proxy"];

pub(crate) const DATA_CENTERS: [&str; 4] =
    ["United States (SC Top)", "United States (NY Top)", "Germany (Top)", "Japan (TY Top)"];

pub(crate) const QUALITIES: [&str; 5] = ["good", "good", "fair", "poor", "bad"];

pub(crate) const PARTICIPANT_QUALITIES: [&str; 5] = ["good", "good", "fair", "", "bad"];

pub(crate) const TIME_ZONES: [&str; 4] = ["America/New_York", "Europe/Berlin", "Asia/Tokyo", "UTC"];
