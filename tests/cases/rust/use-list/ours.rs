use a::{b, c, d};
