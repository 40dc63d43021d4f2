import React, { b } from 'react';
