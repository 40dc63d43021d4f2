use a::{b, d, e};
