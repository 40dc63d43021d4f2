module m
  use iso_c_binding, only: c_int
  use alpha
  implicit none
  integer :: a, b
contains
  subroutine s(x)
    call g(x, 1)
  end subroutine
end module
