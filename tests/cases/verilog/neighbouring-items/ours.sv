module m(input a, output b);
  logic x;
  assign x = a;
  assign b = x;
endmodule
