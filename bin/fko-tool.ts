#!/usr/bin/env node
import { startTool } from "../src/node/tool/fko-tool.ts";

startTool();
