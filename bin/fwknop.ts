#!/usr/bin/env node
import { startClient } from "../src/node/client/client.ts";

startClient();
