#include "server/rpc/listener/accept_loop.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/sanitizers.h"
#include "tests/support/status_matchers.h"

namespace mirror::accept_loop_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::chrono::seconds kPatience{30};

/// A client's end. Closed with it.
class Client {
 public:
  Client(std::uint16_t port, const char* from) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    inet_pton(AF_INET, from, &address.sin_addr);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    address.sin_port = htons(port);
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Client() {
    if (socket_ >= 0) close(socket_);
  }
  Client(Client&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  Client& operator=(Client&&) = delete;

  void Send(std::size_t bytes) const {
    const std::string text(bytes, 'x');
    EXPECT_EQ(send(socket_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes));
  }
  /// Name of this connection in the other end's AuthenticatedTraffic.
  std::string Name() const {
    sockaddr_in own{};
    socklen_t size = sizeof(own);
    EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&own), &size), 0);
    char text[INET_ADDRSTRLEN];
    return absl::StrCat("ipv4:", inet_ntop(AF_INET, &own.sin_addr, text, sizeof(text)), ":",
                        ntohs(own.sin_port));
  }
  /// So many bytes, all that were said; then the connection is open still.
  std::size_t Received() const {
    char buffer[4'096];
    const ssize_t got = recv(socket_, buffer, sizeof(buffer), MSG_DONTWAIT);
    return got < 0 ? 0 : static_cast<std::size_t>(got);
  }
  bool IsClosedNow() const {
    pollfd polled{socket_, POLLIN, 0};
    return poll(&polled, 1, 0) != 0;
  }
  /// Whether the other end closes within a while.
  bool IsClosed() const {
    pollfd polled{socket_, POLLIN, 0};
    char byte = 0;
    return poll(&polled, 1, 30'000) == 1 && recv(socket_, &byte, 1, 0) <= 0;
  }

 private:
  int socket_;
};

/// Keeps what is handed over, as gRPC would.
class Owner {
 public:
  ~Owner() { CloseAll(); }
  void Take(int socket) {
    const std::lock_guard lock(mutex_);
    sockets_.push_back(socket);
    taken_.notify_all();
  }
  bool WaitFor(std::size_t count) {
    std::unique_lock lock(mutex_);
    return taken_.wait_for(lock, kPatience, [&] { return sockets_.size() >= count; });
  }
  /// Writes to the client of this place, in the order in which they came.
  void Say(std::size_t place, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const std::string text(bytes, 'y');
    EXPECT_EQ(send(sockets_[place], text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes));
  }
  /// What can still be read of the client of this place; 0 or less: nothing.
  ssize_t Read(std::size_t place) {
    const std::lock_guard lock(mutex_);
    char buffer[4'096];
    return recv(sockets_[place], buffer, sizeof(buffer), MSG_DONTWAIT);
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return sockets_.size();
  }
  void CloseAll() {
    const std::lock_guard lock(mutex_);
    for (const int socket : sockets_) close(socket);
    sockets_.clear();
  }
  /// Closes the newest and puts another file under its number.
  void ReplaceNewest() {
    const std::lock_guard lock(mutex_);
    const int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    EXPECT_EQ(dup2(file, sockets_.back()), sockets_.back());
    close(file);
  }

 private:
  std::mutex mutex_;
  std::condition_variable taken_;
  std::vector<int> sockets_;
};

class AcceptLoopTest : public testing::Test {
 protected:
  void Start(std::uint32_t connections_max, std::uint32_t per_address_max) {
    AcceptOptions options;
    options.name = "test";
    options.connections_max = connections_max;
    options.connections_per_address_max = per_address_max;
    options.unvouched = unvouched_;
    options.unlimited = unlimited_;
    auto bound = AcceptLoop::Bind(options);
    ASSERT_THAT(bound, IsOk());
    loop_ = *std::move(bound);
    loop_->Start([this](int socket) { owner_.Take(socket); });
  }
  Client Connect(const char* from = "127.0.0.1") { return {loop_->port(), from}; }

  Owner owner_;
  AuthenticatedTraffic vouched_;
  std::optional<AcceptOptions::Unvouched> unvouched_;
  AddressRanges unlimited_;
  std::unique_ptr<AcceptLoop> loop_;  // Ends before its owner.
};

TEST_F(AcceptLoopTest, HandsOverWhoConnectsUntilItStops) {
  Start(10, 10);
  const Client first = Connect(), second = Connect("127.0.0.2");
  EXPECT_TRUE(owner_.WaitFor(2));
  loop_->Stop();
  loop_->Stop();
}

TEST_F(AcceptLoopTest, BehindItsEndConnectionsAreClosedWithWhatWasSentOnThem) {
  Start(10, 10);
  const Client first = Connect(), second = Connect();
  ASSERT_TRUE(owner_.WaitFor(2));
  loop_->Stop();
  owner_.Say(0, 5);
  loop_->CloseAllBut({second.Name()});
  EXPECT_EQ(first.Received(), 5U);
  EXPECT_TRUE(first.IsClosed());
  EXPECT_FALSE(second.IsClosedNow());
  loop_->CloseAllBut({});
  EXPECT_TRUE(second.IsClosed());
}

TEST_F(AcceptLoopTest, ConnectionOverTheLimitOfAllIsClosed) {
  Start(2, 10);
  const Client first = Connect("127.0.0.1"), second = Connect("127.0.0.2");
  ASSERT_TRUE(owner_.WaitFor(2));
  EXPECT_TRUE(Connect("127.0.0.3").IsClosed());
}

TEST_F(AcceptLoopTest, ConnectionOverTheLimitOfItsAddressIsClosedAndOthersAreServed) {
  Start(10, 2);
  const Client first = Connect(), second = Connect();
  ASSERT_TRUE(owner_.WaitFor(2));
  EXPECT_TRUE(Connect().IsClosed());
  const Client other = Connect("127.0.0.2");
  EXPECT_TRUE(owner_.WaitFor(3));
}

/// Limits that no test of places reaches.
AcceptOptions::Unvouched NoBytes(AuthenticatedTraffic* vouched) {
  return {vouched, 1'000'000, 1'000'000, 1'000'000};
}

TEST_F(AcceptLoopTest, WhereAllPlacesAreTakenTheOldestStrangerGoes) {
  unvouched_ = NoBytes(&vouched_);
  Start(3, 10);
  std::vector<Client> clients;
  for (std::size_t i = 0; i < 3; ++i) {
    clients.push_back(Connect());
    ASSERT_TRUE(owner_.WaitFor(i + 1));
    clients.back().Send(10);
  }
  vouched_.Vouch(clients[0].Name(), 1);
  const Client fourth = Connect();
  ASSERT_TRUE(owner_.WaitFor(4));
  EXPECT_TRUE(clients[1].IsClosed());
  fourth.Send(10);
  const Client fifth = Connect();
  ASSERT_TRUE(owner_.WaitFor(5));
  EXPECT_TRUE(clients[2].IsClosed());
  EXPECT_FALSE(clients[0].IsClosedNow()) << "a call on it was admitted";
  EXPECT_FALSE(fourth.IsClosedNow());
}

TEST_F(AcceptLoopTest, OneThatSaidNothingGoesBeforeOneThatDid) {
  unvouched_ = NoBytes(&vouched_);
  unvouched_->first_bytes = std::chrono::milliseconds(0);
  Start(2, 10);
  const Client first = Connect();
  ASSERT_TRUE(owner_.WaitFor(1));
  first.Send(10);
  const Client silent = Connect();
  ASSERT_TRUE(owner_.WaitFor(2));
  const Client third = Connect();
  ASSERT_TRUE(owner_.WaitFor(3));
  EXPECT_TRUE(silent.IsClosed());
  EXPECT_FALSE(first.IsClosedNow());
}

/// The first bytes of a client that just came are on their way.
TEST_F(AcceptLoopTest, OneThatJustCameGoesAfterOlderOnes) {
  unvouched_ = NoBytes(&vouched_);
  unvouched_->first_bytes = std::chrono::hours(1);
  Start(2, 10);
  const Client first = Connect();
  ASSERT_TRUE(owner_.WaitFor(1));
  first.Send(10);
  const Client silent = Connect();
  ASSERT_TRUE(owner_.WaitFor(2));
  const Client third = Connect();
  ASSERT_TRUE(owner_.WaitFor(3));
  EXPECT_TRUE(first.IsClosed());
  EXPECT_FALSE(silent.IsClosedNow());
}

TEST_F(AcceptLoopTest, OfTheAddressWithMostStrangersOneGoesFirst) {
  unvouched_ = NoBytes(&vouched_);
  Start(4, 10);
  const Client alone = Connect("127.0.0.3");
  ASSERT_TRUE(owner_.WaitFor(1));
  std::vector<Client> crowd;
  for (std::size_t i = 0; i < 20; ++i) {
    crowd.push_back(Connect("127.0.0.2"));
    ASSERT_TRUE(owner_.WaitFor(2 + i));
  }
  EXPECT_TRUE(crowd[0].IsClosed());
  EXPECT_FALSE(alone.IsClosedNow()) << "it was the oldest";
}

TEST_F(AcceptLoopTest, ConnectionsOfAdmittedCallersDoNotCountForTheirAddress) {
  unvouched_ = {&vouched_, 10'000, 1'000'000, 50'000};
  Start(10, 2);
  const Client first = Connect(), second = Connect();
  ASSERT_TRUE(owner_.WaitFor(2));
  EXPECT_TRUE(Connect().IsClosed());
  vouched_.Vouch(first.Name(), 1);
  vouched_.Vouch(second.Name(), 1);
  const Client other = Connect("127.0.0.2");
  ASSERT_TRUE(owner_.WaitFor(3));
  other.Send(11'000);
  EXPECT_TRUE(other.IsClosed()) << "so all were looked at";
  const Client third = Connect(), fourth = Connect();
  EXPECT_TRUE(owner_.WaitFor(5));
  EXPECT_TRUE(Connect().IsClosed());
}

TEST_F(AcceptLoopTest, AnAddressWithoutALimitHasNone) {
  unvouched_ = NoBytes(&vouched_);
  ASSERT_THAT(unlimited_.Add("127.0.0.2"), IsOk());
  Start(20, 2);
  std::vector<Client> balanced;
  for (int i = 0; i < 10; ++i) balanced.push_back(Connect("127.0.0.2"));
  EXPECT_TRUE(owner_.WaitFor(10));
  const Client first = Connect(), second = Connect();
  EXPECT_TRUE(owner_.WaitFor(12));
  EXPECT_TRUE(Connect().IsClosed());
}

TEST_F(AcceptLoopTest, WhereAllAreKnownTheNewcomerIsClosed) {
  unvouched_ = NoBytes(&vouched_);
  Start(2, 10);
  const Client first = Connect(), second = Connect();
  ASSERT_TRUE(owner_.WaitFor(2));
  vouched_.Vouch(first.Name(), 1);
  vouched_.Vouch(second.Name(), 1);
  EXPECT_TRUE(Connect().IsClosed());
  EXPECT_FALSE(first.IsClosedNow());
  EXPECT_FALSE(second.IsClosedNow());
}

TEST_F(AcceptLoopTest, AStrangerThatIdlesIsEndedUnlessItHoldsAStreamOrIsKnown) {
  unvouched_ = NoBytes(&vouched_);
  unvouched_->idle_max = std::chrono::milliseconds(500);
  Start(10, 10);
  const Client known = Connect(), watcher = Connect(), idle = Connect();
  ASSERT_TRUE(owner_.WaitFor(3));
  vouched_.Vouch(known.Name(), 1);
  vouched_.Hold(watcher.Name());
  EXPECT_TRUE(idle.IsClosed());
  // The others would have been ended in the same look.
  const Client later = Connect();
  EXPECT_TRUE(later.IsClosed());
  EXPECT_FALSE(known.IsClosedNow());
  EXPECT_FALSE(watcher.IsClosedNow());
  vouched_.Release(watcher.Name());
  EXPECT_TRUE(watcher.IsClosed());
  EXPECT_FALSE(known.IsClosedNow());
}

TEST_F(AcceptLoopTest, OneThatSaysNothingIsEndedInTime) {
  unvouched_ = NoBytes(&vouched_);
  unvouched_->silence_max = std::chrono::milliseconds(500);
  Start(10, 10);
  const Client speaks = Connect();
  ASSERT_TRUE(owner_.WaitFor(1));
  speaks.Send(10);
  const Client silent = Connect();
  EXPECT_TRUE(silent.IsClosed());
  EXPECT_FALSE(speaks.IsClosedNow());
}

TEST_F(AcceptLoopTest, WhileTooManyEndedAreNotClosedNobodyIsLetIn) {
  unvouched_ = NoBytes(&vouched_);
  Start(1, 1'000);
  std::vector<Client> clients;
  // Each ends the one before it, and gRPC closes none: the 64th that was ended stops it.
  for (int i = 0; i < 80; ++i) clients.push_back(Connect());
  ASSERT_TRUE(owner_.WaitFor(65));
  EXPECT_FALSE(clients.back().IsClosedNow());
  EXPECT_EQ(owner_.count(), 65U);
  owner_.CloseAll();
  EXPECT_TRUE(owner_.WaitFor(15));
}

TEST_F(AcceptLoopTest, ConnectionsThatEndedMakeRoom) {
  Start(3, 3);
  for (int round = 0; round < 5; ++round) {
    const Client first = Connect(), second = Connect(), third = Connect();
    ASSERT_TRUE(owner_.WaitFor(3)) << round;
    EXPECT_TRUE(Connect().IsClosed()) << round;
    owner_.CloseAll();
  }
}

TEST_F(AcceptLoopTest, AnotherFileUnderTheNumberOfAConnectionIsNotThatConnection) {
  Start(2, 2);
  const Client first = Connect(), second = Connect();
  ASSERT_TRUE(owner_.WaitFor(2));
  owner_.ReplaceNewest();
  const Client third = Connect();
  EXPECT_TRUE(owner_.WaitFor(3));
}

TEST_F(AcceptLoopTest, GoesOnWhenDescriptorsRanOut) {
#if MIRROR_ADDRESS_SANITIZER
  GTEST_SKIP()
      << "the undefined-behaviour sanitizer looks at objects through a pipe, and there is no descriptor left";
#endif
  Start(100, 100);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  std::vector<Client> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(Connect());
  ASSERT_TRUE(owner_.WaitFor(5));
  Client late = Connect();
  ASSERT_TRUE(owner_.WaitFor(6));
  // From here on nobody gets a descriptor: the next client has its own already, the server's end gets none.
  const int own = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  rlimit none = before;
  none.rlim_cur = 3;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(loop_->port());
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  EXPECT_EQ(connect(own, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  usleep(300'000);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);

  EXPECT_TRUE(owner_.WaitFor(7)) << "it waited in the backlog";
  close(own);
}

TEST_F(AcceptLoopTest, AStrangerWhoSendsTooMuchIsEndedAndWhoIsVouchedForIsNot) {
  unvouched_ = {&vouched_, 10'000, 1'000'000, 50'000};
  Start(10, 10);
  const Client stranger = Connect(), known = Connect(), quiet = Connect();
  ASSERT_TRUE(owner_.WaitFor(3));
  vouched_.Vouch(known.Name(), 1);
  known.Send(40'000);
  quiet.Send(9'000);
  stranger.Send(11'000);
  EXPECT_TRUE(stranger.IsClosed());
  EXPECT_FALSE(known.IsClosedNow());
  EXPECT_FALSE(quiet.IsClosedNow());
  known.Send(20'000);
  EXPECT_TRUE(known.IsClosed()) << "it is over its own limit";
}

TEST_F(AcceptLoopTest, WhoIsAnsweredMaySendMoreForAsLongAsHandlersMayBeLate) {
  unvouched_ = {&vouched_, 10'000, 1'000'000, 50'000};
  unvouched_->patience = std::chrono::hours(1);
  Start(10, 10);
  const Client source = Connect();
  ASSERT_TRUE(owner_.WaitFor(1));
  const Client stranger = Connect();
  ASSERT_TRUE(owner_.WaitFor(2));
  for (int i = 0; i < 5; ++i) {
    owner_.Say(0, 100);
    source.Send(8'000);
  }
  stranger.Send(11'000);
  EXPECT_TRUE(stranger.IsClosed()) << "so all were looked at";
  EXPECT_EQ(source.Received(), 500U);
}

TEST_F(AcceptLoopTest, WhoIsAnsweredButNeverVouchedForIsEndedLater) {
  unvouched_ = {&vouched_, 10'000, 1'000'000, 50'000};
  unvouched_->patience = std::chrono::milliseconds(1);
  Start(10, 10);
  const Client stranger = Connect(), quiet = Connect();
  ASSERT_TRUE(owner_.WaitFor(2));
  owner_.Say(0, 100);
  stranger.Send(8'000);
  owner_.Say(0, 100);
  stranger.Send(8'000);
  EXPECT_EQ(stranger.Received(), 200U);
  EXPECT_TRUE(stranger.IsClosed());
  EXPECT_FALSE(quiet.IsClosedNow());
}

TEST_F(AcceptLoopTest, OfManyStrangersWhoHasHadMostForLongestIsEnded) {
  unvouched_ = {&vouched_, 10'000, 9'000, 50'000};
  Start(10, 10);
  const Client first = Connect();
  ASSERT_TRUE(owner_.WaitFor(1));
  const Client second = Connect();
  ASSERT_TRUE(owner_.WaitFor(2));
  second.Send(9'000);
  first.Send(9'000);
  EXPECT_TRUE(first.IsClosed());
  EXPECT_FALSE(second.IsClosedNow());
}

TEST_F(AcceptLoopTest, WhatOneSentWhoIsEndedIsNeverRead) {
  unvouched_ = {&vouched_, 10'000, 1'000'000, 50'000};
  Start(10, 10);
  const Client stranger = Connect();
  ASSERT_TRUE(owner_.WaitFor(1));
  stranger.Send(11'000);
  EXPECT_TRUE(stranger.IsClosed());
  EXPECT_LE(owner_.Read(0), 0);
}

TEST_F(AcceptLoopTest, NobodyIsLetInWhileMuchOfThoseWhoWereEndedIsThere) {
  unvouched_ = {&vouched_, 1'000'000, 1'000'000, 50'000};
  unvouched_->unanswered_max = 20'000;
  Start(10, 10);
  const Client first = Connect();
  ASSERT_TRUE(owner_.WaitFor(1));
  const Client second = Connect();
  ASSERT_TRUE(owner_.WaitFor(2));
  first.Send(24'000);
  EXPECT_TRUE(first.IsClosed());
  const Client third = Connect();
  second.Send(kHandshakeBytes + 1);
  EXPECT_TRUE(second.IsClosed()) << "what the first one sent counts until it is gone";
  EXPECT_EQ(owner_.count(), 2U);
  owner_.CloseAll();
  EXPECT_TRUE(owner_.WaitFor(1));
  EXPECT_FALSE(third.IsClosedNow());
}

TEST_F(AcceptLoopTest, AFewStrangersMayHaveBegunALargeMessageEach) {
  unvouched_ = {&vouched_, 1'000'000, 1'000'000, 50'000};
  unvouched_->unanswered_max = 9'000;
  unvouched_->few = 1;
  unvouched_->unanswered_of_few_max = 100'000;
  Start(10, 10);
  const Client source = Connect(), known = Connect(), other = Connect();
  ASSERT_TRUE(owner_.WaitFor(3));
  vouched_.Vouch(known.Name(), 1);
  source.Send(20'000);
  known.Send(60'000);
  EXPECT_TRUE(known.IsClosed()) << "so all were looked at";
  EXPECT_FALSE(source.IsClosedNow());
  other.Send(20'000);
  EXPECT_TRUE(source.IsClosed());
}

TEST_F(AcceptLoopTest, AHandshakeIsNoWordAboutAMessage) {
  unvouched_ = {&vouched_, 1'000'000, 1'000'000, 50'000};
  unvouched_->unanswered_max = 9'000;
  unvouched_->handshake_sent = 1'000;
  Start(10, 10);
  const Client source = Connect();
  ASSERT_TRUE(owner_.WaitFor(1));
  const Client stranger = Connect();
  ASSERT_TRUE(owner_.WaitFor(2));
  owner_.Say(0, 1'100);
  source.Send(11'000);
  owner_.Say(1, 1'000);
  EXPECT_EQ(stranger.Received(), 1'000U);
  stranger.Send(11'000);
  EXPECT_TRUE(stranger.IsClosed());
  EXPECT_EQ(source.Received(), 1'100U);
}

TEST_F(AcceptLoopTest, NothingIsSavedUpForLater) {
  unvouched_ = {&vouched_, 10'000, 1'000'000, 50'000};
  Start(10, 10);
  const Client client = Connect(), other = Connect();
  ASSERT_TRUE(owner_.WaitFor(2));
  vouched_.Vouch(client.Name(), 1'000'000'000);
  other.Send(11'000);
  EXPECT_TRUE(other.IsClosed()) << "so all were looked at";
  client.Send(60'000);
  EXPECT_TRUE(client.IsClosed());
}

TEST_F(AcceptLoopTest, WhoTakesItsCallsBackAtOnceIsEnded) {
  unvouched_ = {&vouched_, 10'000, 1'000'000, 50'000, 5};
  Start(10, 10);
  const Client client = Connect(), other = Connect();
  ASSERT_TRUE(owner_.WaitFor(2));
  for (int i = 0; i < 6; ++i) vouched_.NoteEmptyCall(client.Name(), 0);
  EXPECT_TRUE(client.IsClosed());
  EXPECT_FALSE(other.IsClosedNow());
}

TEST_F(AcceptLoopTest, HandshakesOfManyStrangersAreNotTooMuch) {
  unvouched_ = {&vouched_, 10'000, 1'000, 50'000};
  Start(10, 10);
  std::vector<Client> strangers;
  for (int i = 0; i < 5; ++i) strangers.push_back(Connect());
  ASSERT_TRUE(owner_.WaitFor(5));
  for (const Client& stranger : strangers) stranger.Send(kHandshakeBytes);
  const Client most = Connect();
  ASSERT_TRUE(owner_.WaitFor(6));
  most.Send(9'000);
  EXPECT_TRUE(most.IsClosed()) << "so all were looked at";
  for (const Client& stranger : strangers) EXPECT_FALSE(stranger.IsClosedNow());
}

TEST_F(AcceptLoopTest, StrangersWhoCalledMaySendLessThanThoseWhoMayStillBeSources) {
  unvouched_ = {&vouched_, 100'000, 160'000, 200'000};
  Start(10, 10);
  const Client caller = Connect(), young = Connect();
  ASSERT_TRUE(owner_.WaitFor(2));
  vouched_.NoteRefusedCall(caller.Name());
  young.Send(50'000);
  caller.Send(30'000);
  EXPECT_TRUE(caller.IsClosed());
  EXPECT_FALSE(young.IsClosedNow());
}

TEST_F(AcceptLoopTest, WhoAsksForHealthAgainAndAgainSendsNothingThatIsKept) {
  unvouched_ = {&vouched_, 10'000, 40'000, 50'000};
  unvouched_->patience = std::chrono::milliseconds(1);
  Start(10, 10);
  const Client balancer = Connect(), other = Connect();
  ASSERT_TRUE(owner_.WaitFor(2));
  for (int i = 0; i < 20; ++i) {
    owner_.Say(0, 100);
    balancer.Send(600);
    vouched_.NoteOpenCall(balancer.Name());
  }
  other.Send(11'000);
  EXPECT_TRUE(other.IsClosed()) << "so all were looked at";
  EXPECT_EQ(balancer.Received(), 2'000U);
}

TEST_F(AcceptLoopTest, OfManyWhoseCallsAreTakenBackStrangersAreEndedFirst) {
  unvouched_ = {&vouched_, 10'000, 1'000'000, 50'000, 1'000, 100};
  Start(10, 10);
  const Client source = Connect(), stranger = Connect(), quiet = Connect();
  ASSERT_TRUE(owner_.WaitFor(3));
  vouched_.Vouch(source.Name(), 1);
  for (int i = 0; i < 90; ++i) vouched_.NoteEmptyCall(source.Name(), 0);
  for (int i = 0; i < 60; ++i) vouched_.NoteRefusedCall(stranger.Name());
  EXPECT_TRUE(stranger.IsClosed());
  EXPECT_FALSE(source.IsClosedNow());
  EXPECT_FALSE(quiet.IsClosedNow());
  for (int i = 0; i < 200; ++i) vouched_.NoteEmptyCall(source.Name(), 0);
  EXPECT_TRUE(source.IsClosed());
  EXPECT_FALSE(quiet.IsClosedNow());
}

TEST_F(AcceptLoopTest, RefusedCallsOfASourceAreNoReasonToEndIt) {
  unvouched_ = {&vouched_, 10'000, 1'000'000, 50'000, 1'000, 100};
  Start(10, 10);
  const Client source = Connect(), other = Connect();
  ASSERT_TRUE(owner_.WaitFor(2));
  vouched_.Vouch(source.Name(), 1);
  for (int i = 0; i < 500; ++i) vouched_.NoteRefusedCall(source.Name());
  other.Send(11'000);
  EXPECT_TRUE(other.IsClosed()) << "so all were looked at";
  EXPECT_FALSE(source.IsClosedNow());
}

TEST(PeerNameTest, IsWrittenInOneWay) {
  EXPECT_EQ(PeerName("ipv4:127.0.0.1:5"), "ipv4:127.0.0.1:5");
  EXPECT_EQ(PeerName("ipv6:%5B::1%5D:5"), "ipv6:[::1]:5");
  EXPECT_EQ(PeerName("ipv6:%5Bfe80::1%25eth0%5D:5"), "ipv6:[fe80::1]:5");
}

TEST_F(AcceptLoopTest, PortThatIsTakenIsNamed) {
  Start(10, 10);
  AcceptOptions options;
  options.name = "sources";
  options.port = loop_->port();
  EXPECT_THAT(AcceptLoop::Bind(options), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                  AllOf(HasSubstr("another process listens on"),
                                                        HasSubstr(absl::StrCat(":", loop_->port())))));
}

TEST_F(AcceptLoopTest, AddressThatIsNotOursIsNamed) {
  AcceptOptions options;
  options.name = "sources";
  options.address = "192.0.2.1";
  EXPECT_THAT(AcceptLoop::Bind(options),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("cannot listen on 192.0.2.1")));
}

}  // namespace
}  // namespace mirror::accept_loop_test
