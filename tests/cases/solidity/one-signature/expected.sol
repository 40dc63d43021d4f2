pragma solidity ^0.8;
import "a.sol";

contract C {
  uint256 public x;

  function f(uint8 a, uint16 b) public {
    g(a);
    g(b);
  }
}
