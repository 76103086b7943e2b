/** What every program in Node takes before it has done anything: it only says that it is there. */
process.stdout.write("ready\n");
setInterval(() => {}, 1 << 30);
