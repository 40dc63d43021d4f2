module m(input logic a, output logic b);
  wire x;
  assign x = a;
  assign b = x;
endmodule
