#!/usr/bin/python3
"""Talks to a real millrace-server with nothing but Debian's python3-grpcio and the .proto files.

stock_python_client_test.py --server PATH --protos DIR

Starts the server on the test cluster (MILLRACE_TEST_DATABASE_URL) in a schema of its own, with its pool stopped, then: lists the
services by reflection, looks at the health service, subscribes to the events, starts the pool, adds a job, reads its
events, and looks the job up. Also adds jobs by SQL, in transactions that are rolled back and committed.
"""
import argparse
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

import grpc

ARGUMENTS = argparse.ArgumentParser()
ARGUMENTS.add_argument("--server", required=True)
ARGUMENTS.add_argument("--protos", required=True)
SETTINGS = None
DEADLINE_S = 60


def generate_stubs(protos, out):
    """Python code of our .proto files, and of gRPC's own for reflection and health."""
    plugin = "--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin"
    ours = [f"millrace/v1/{name}.proto" for name in ("types", "job_queue", "worker_pool")]
    subprocess.check_call(["protoc", f"-I{protos}", f"--python_out={out}", f"--grpc_out={out}", plugin, *ours])
    root = "/usr/share/grpc-proto" if os.path.isdir("/usr/share/grpc-proto") else "/usr/include"
    foreign = ["grpc/reflection/v1alpha/reflection.proto", "grpc/health/v1/health.proto"]
    # grpcio's own package is called grpc, so the generated modules get another home.
    home = os.path.join(out, "wellknown")
    os.makedirs(home)
    for path in foreign:
        target = os.path.join(home, os.path.basename(path))
        with open(os.path.join(root, path), encoding="utf-8") as source, open(target, "w", encoding="utf-8") as copy:
            copy.write(source.read())
    names = [os.path.basename(path) for path in foreign]
    subprocess.check_call(["protoc", f"-I{home}", f"--python_out={out}", f"--grpc_out={out}", plugin, *names])


class Server:
    """A millrace-server process on the test cluster."""

    def __init__(self, folder, schema):
        self.log_path = os.path.join(folder, "server.log")
        url = os.environ["MILLRACE_TEST_DATABASE_URL"]
        with open(self.log_path, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [SETTINGS.server, "--database-url", url, "--schema", schema, "--listen", "127.0.0.1:0", "--metrics-listen", "off",
                 "--no-autostart"], stderr=log, stdout=log)
        self.address = self.wait_for(r"gRPC listens on (\S+)")

    def log(self):
        with open(self.log_path, encoding="utf-8") as log:
            return log.read()

    def wait_for(self, pattern):
        tick = threading.Event()
        for _ in range(DEADLINE_S * 20):
            found = re.search(pattern, self.log())
            if found:
                return found.group(1)
            if self.process.poll() is not None:
                break
            tick.wait(0.05)
        raise AssertionError(f"the server did not say {pattern}:\n{self.log()}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=DEADLINE_S)


class EventReader:
    """Reads a feed in a thread and hands over its events."""

    def __init__(self, stream):
        self.stream = stream
        self.messages = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            for message in self.stream:
                self.messages.put(message)
        except grpc.RpcError as error:
            self.messages.put(error)

    def next(self, kind):
        """The next message of this kind; others are passed over."""
        while True:
            message = self.messages.get(timeout=DEADLINE_S)
            if isinstance(message, grpc.RpcError):
                raise message
            if message.WhichOneof("message") == kind:
                return getattr(message, kind)

    def event(self, event_type, job_id):
        while True:
            for event in self.next("batch").events:
                if event.type == event_type and event.job.job_id == job_id:
                    return event


def psql(schema, *statements):
    command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", os.environ["MILLRACE_TEST_DATABASE_URL"]]
    for statement in statements:
        command += ["-c", statement.replace("{schema}", schema)]
    return subprocess.check_output(command, text=True).strip()


class StockPythonClientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        generate_stubs(SETTINGS.protos, cls.folder.name)
        sys.path.insert(0, cls.folder.name)
        cls.schema = f"python_{os.getpid()}"
        cls.server = Server(cls.folder.name, cls.schema)
        cls.channel = grpc.insecure_channel(cls.server.address)

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        exit_code = cls.server.stop()
        psql(cls.schema, "set client_min_messages = warning; drop schema {schema} cascade")
        cls.folder.cleanup()
        assert exit_code == 0, exit_code

    def test_1_reflection_lists_the_services(self):
        import reflection_pb2
        import reflection_pb2_grpc
        stub = reflection_pb2_grpc.ServerReflectionStub(self.channel)
        answers = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=DEADLINE_S)
        names = [service.name for service in next(iter(answers)).list_services_response.service]
        self.assertIn("millrace.v1.WorkerPool", names)
        self.assertIn("millrace.v1.JobQueue", names)

    def test_2_the_pool_serves_only_after_its_start_and_a_job_runs_to_its_event(self):
        import health_pb2
        import health_pb2_grpc
        from millrace.v1 import job_queue_pb2, job_queue_pb2_grpc, types_pb2, worker_pool_pb2, worker_pool_pb2_grpc
        pool = worker_pool_pb2_grpc.WorkerPoolStub(self.channel)
        jobs = job_queue_pb2_grpc.JobQueueStub(self.channel)
        health = health_pb2_grpc.HealthStub(self.channel)
        # The overall health is readiness: a pool that was told to be stopped stays ready.
        watch = iter(health.Watch(health_pb2.HealthCheckRequest(service=""), timeout=DEADLINE_S))
        while next(watch).status != health_pb2.HealthCheckResponse.SERVING:
            pass
        stopped = health.Check(health_pb2.HealthCheckRequest(service="millrace.v1.WorkerPool"), timeout=DEADLINE_S)
        self.assertEqual(stopped.status, health_pb2.HealthCheckResponse.NOT_SERVING)

        events = EventReader(pool.Events(worker_pool_pb2.EventsRequest()))
        self.assertEqual(events.next("bookmark").sequence, 0)
        started = pool.Start(worker_pool_pb2.StartRequest(), timeout=DEADLINE_S)
        self.assertEqual(started.worker_id, pool.WorkerId(worker_pool_pb2.WorkerIdRequest(), timeout=DEADLINE_S).worker_id)
        with self.assertRaises(grpc.RpcError) as again:
            pool.Start(worker_pool_pb2.StartRequest(), timeout=DEADLINE_S)
        self.assertEqual(again.exception.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertIn("already running", again.exception.details())

        spec = job_queue_pb2.JobSpec(task_identifier="resize_image", payload='{"source": 3}')
        added = jobs.AddJob(job_queue_pb2.AddJobRequest(job=spec), timeout=DEADLINE_S)
        cancelled = events.event("job/cancelled", added.job.id)
        self.assertEqual(cancelled.job.task_identifier, "resize_image")
        self.assertIn("source", cancelled.job.error)
        found = jobs.GetJob(job_queue_pb2.GetJobRequest(id=added.job.id), timeout=DEADLINE_S)
        self.assertEqual(found.job.state, types_pb2.JOB_STATE_CANCELLED)
        self.assertEqual(len(found.attempts), 1)

        # By SQL, as any program can: it runs if and only if its transaction commits.
        before = psql(self.schema, "begin", "select id from {schema}.add_job('resize_image', '{\"source\": 1}')", "rollback")
        committed = psql(self.schema, "begin", "select id from {schema}.add_job('resize_image', '{\"source\": 2}')", "commit")
        self.assertEqual(events.event("job/cancelled", int(committed)).job.job_id, int(committed))
        with self.assertRaises(grpc.RpcError) as missing:
            jobs.GetJob(job_queue_pb2.GetJobRequest(id=int(before)), timeout=DEADLINE_S)
        self.assertEqual(missing.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_3_bad_input_is_refused_by_the_path_of_its_field(self):
        from google.protobuf.timestamp_pb2 import Timestamp
        from millrace.v1 import job_queue_pb2, job_queue_pb2_grpc
        jobs = job_queue_pb2_grpc.JobQueueStub(self.channel)
        count = psql(self.schema, "select count(*) from {schema}.job")
        for field, fault in {
                "job.task_identifier": {"task_identifier": ""}, "job.payload": {"task_identifier": "t", "payload": "{"},
                "job.run_at": {"task_identifier": "t", "run_at": Timestamp(seconds=9_404_918_380_800)},
                "job.job_key_mode": {"task_identifier": "t", "job_key": "k", "job_key_mode": 99},
        }.items():
            with self.assertRaises(grpc.RpcError) as refused:
                jobs.AddJob(job_queue_pb2.AddJobRequest(job=job_queue_pb2.JobSpec(**fault)), timeout=DEADLINE_S)
            self.assertEqual(refused.exception.code(), grpc.StatusCode.INVALID_ARGUMENT, field)
            self.assertIn(field, refused.exception.details())
        with self.assertRaises(grpc.RpcError) as refused:
            jobs.AddJob(job_queue_pb2.AddJobRequest(job=job_queue_pb2.JobSpec(task_identifier="x" * 1_000_000)), timeout=DEADLINE_S)
        self.assertIn("job.task_identifier: at most 128 bytes", refused.exception.details())
        self.assertEqual(psql(self.schema, "select count(*) from {schema}.job"), count)


if __name__ == "__main__":
    SETTINGS, rest = ARGUMENTS.parse_known_args()
    unittest.main(argv=sys.argv[:1] + rest, verbosity=2)
