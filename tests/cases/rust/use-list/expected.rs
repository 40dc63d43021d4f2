use a::{b, c, d, e};
