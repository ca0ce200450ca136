#!/usr/bin/env node
import { startServer } from "../src/node/fwknopd.ts";

startServer();
