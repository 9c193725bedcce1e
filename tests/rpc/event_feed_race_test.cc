// The event feed against many threads of gRPC that come and go. gRPC itself is not there, so that
// ThreadSanitizer sees all that happens: the test plays its side of each stream.

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "grpcpp/support/server_callback.h"
#include "gtest/gtest.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/events/event_emitter.h"
#include "server/metrics/null_metrics_registry.h"
#include "server/rpc/event_feed.h"

namespace millrace {
namespace {

constexpr int kSubscriberThreads = 4;
constexpr int kStreamsOfAThread = 1000;

// Stands for gRPC's threads: does what it is given in some of its own, in no order.
class CallbackThreads {
 public:
  CallbackThreads() {
    for (int i = 0; i < 3; ++i) threads_.emplace_back([this] { Run(); });
  }
  ~CallbackThreads() {
    {
      MutexLock lock(mutex_);
      stop_ = true;
      changed_.NotifyAll();
    }
    for (std::thread& thread : threads_) thread.join();
  }
  CallbackThreads(const CallbackThreads&) = delete;
  CallbackThreads& operator=(const CallbackThreads&) = delete;

  void Do(std::function<void()> work) {
    MutexLock lock(mutex_);
    work_.push_back(std::move(work));
    changed_.NotifyOne();
  }

 private:
  void Run() {
    for (;;) {
      std::function<void()> work;
      {
        MutexLock lock(mutex_);
        while (work_.empty() && !stop_) changed_.Wait(mutex_);
        if (work_.empty()) return;
        work = std::move(work_.back());
        work_.pop_back();
      }
      work();
    }
  }

  Mutex mutex_;
  CondVar changed_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::function<void()>> work_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

// gRPC's side of one stream: what the feed starts is done by other threads, and when all of it is
// done, and the subscriber has let go as well, the stream is.
class PlayedCall final : public grpc::ServerCallbackWriter<grpc::ByteBuffer>,
                         public std::enable_shared_from_this<PlayedCall> {
 public:
  using Reactor = grpc::ServerWriteReactor<grpc::ByteBuffer>;

  PlayedCall(EventStream* stream, CallbackThreads& threads) : reactor_(stream), threads_(threads) {}

  // gRPC's hold on it, until it is done.
  void Bind() {
    self_ = shared_from_this();
    ShowOrder();
    BindReactor(reactor_);
  }
  // The subscriber goes. To be called once.
  void Cancel() {
    cancelled_ = true;
    threads_.Do([this] {
      reactor_->OnCancel();
      Release();
    });
  }
  int written() const { return written_; }
  // By the feed.
  bool ended() const { return ended_; }
  bool done() const { return done_; }

  void SendInitialMetadata() override {}
  void Write(const grpc::ByteBuffer*, grpc::WriteOptions) override {
    ShowOrder();
    ++holds_;
    threads_.Do([this] {
      ++written_;
      reactor_->OnWriteDone(!cancelled_);
      Release();
    });
  }
  void WriteAndFinish(const grpc::ByteBuffer*, grpc::WriteOptions, grpc::Status status) override {
    ShowOrder();
    ++written_;
    Finish(std::move(status));
  }
  void Finish(grpc::Status) override {
    ShowOrder();
    ended_ = true;
    threads_.Do([this] { Release(); });
  }

 private:
  // gRPC binds a stream before it does what the feed has started, and sees to it by a mutex of its
  // own. This one tells ThreadSanitizer the same.
  static void ShowOrder() {
    static Mutex mutex;
    MutexLock lock(mutex);
  }
  grpc::internal::ServerReactor* reactor() override { return reactor_; }
  void CallOnDone() override {}
  void Release() {
    if (--holds_ > 0) return;
    const std::shared_ptr<PlayedCall> self = std::move(self_);
    reactor_->OnDone();
    done_ = true;
  }

  Reactor* const reactor_;
  CallbackThreads& threads_;
  std::shared_ptr<PlayedCall> self_;
  // The subscriber's, that until the stream is ended, and one for each write.
  std::atomic<int> holds_ = 2;
  std::atomic<int> written_ = 0;
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> ended_ = false;
  std::atomic<bool> done_ = false;
};

class EventFeedRaceTest : public testing::Test {
 protected:
  EventFeedRaceTest() : emitter_("incarnation", clock_, metrics_, MakeOptions()) {}

  static EventEmitter::Options MakeOptions() {
    EventEmitter::Options options;
    // Far too few for who is slow: there are gaps, and streams that end for it.
    options.ring_events = 500;
    return options;
  }
  void Emit(int count) {
    std::vector<Event> events(count);
    for (Event& event : events) {
      event.type = EventType::kJobCompleted;
      event.data = JobEventData{.job_id = 1, .task_identifier = "t"};
    }
    emitter_.Emit(std::move(events));
  }
  // Subscribers that come, take some messages or none, and go, one after the other.
  void ComeAndGo(EventFeed& feed, CallbackThreads& threads) {
    for (int i = 0; i < kStreamsOfAThread; ++i) {
      EventSubscription subscription;
      subscription.end_on_overflow = i % 2 == 0;
      const auto stream = feed.Subscribe(subscription);
      ASSERT_TRUE(stream.ok()) << stream.status();
      const auto call = std::make_shared<PlayedCall>(*stream, threads);
      call->Bind();
      while (call->written() < i % 4 && !call->ended()) std::this_thread::yield();
      call->Cancel();
      if (i % 8 == 0) {
        while (!call->done()) std::this_thread::yield();
      }
    }
  }

  SystemClock clock_;
  NullMetricsRegistry metrics_;
  EventEmitter emitter_;
};

TEST_F(EventFeedRaceTest, ThousandsOfStreamsComeAndGoFromManyThreadsWhileEventsFlow) {
  CallbackThreads threads;
  EventFeed feed(emitter_, clock_, metrics_, EventFeed::Options());
  ASSERT_TRUE(feed.Start().ok());
  std::atomic<bool> over = false;
  std::thread emitting([&] {
    while (!over) Emit(10);
  });
  std::vector<std::thread> subscribers;
  for (int i = 0; i < kSubscriberThreads; ++i)
    subscribers.emplace_back([&] { ComeAndGo(feed, threads); });
  for (std::thread& subscriber : subscribers) subscriber.join();
  over = true;
  emitting.join();
  feed.RequestStop();
  feed.Join();
}

}  // namespace
}  // namespace millrace
