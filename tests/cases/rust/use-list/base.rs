use a::{b, d};
