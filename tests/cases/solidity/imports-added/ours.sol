pragma solidity ^0.8;
import "a.sol";
import "b.sol";

contract C {
  uint256 public x;

  function f(uint a, uint b) public {
    g(a);
    g(b);
  }
}
