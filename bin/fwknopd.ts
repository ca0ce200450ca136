#!/usr/bin/env node
import { startServer } from "../src/node/daemon/fwknopd.ts";

startServer();
