#[derive(Clone, Eq)]
struct A;
