import React, { a, b } from 'react';
