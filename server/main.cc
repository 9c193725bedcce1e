#include "server/app/run_server.h"
#include "tasks/register_tasks.h"

// The server with the tasks of tasks/register_tasks.cc.
int main(int argc, char** argv) { return millrace::RunServer(argc, argv, millrace::RegisterTasks); }
