#[derive(Clone, Debug, Eq)]
struct A;
