pragma solidity ^0.8;
import "a.sol";

contract C {
  uint256 public x;

  function k() public {}

  function f(uint a, uint b) public {
    g(a);
    g(b);
  }
}
