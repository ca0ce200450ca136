#!/usr/bin/env node
import { startTool } from "../src/node/fko-tool.ts";

startTool();
