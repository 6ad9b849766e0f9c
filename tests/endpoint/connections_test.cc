#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "certs/issue.h"
#include "certs/tls.h"
#include "client/wire/connect.h"
#include "mirror/v1/mirror_admin.grpc.pb.h"
#include "tests/certs/certificate_use.h"
#include "tests/endpoint/endpoint_fixture.h"
#include "tests/endpoint/raw_call.h"

namespace mirror::connections_test {
namespace {

/// A connection that says nothing.
class Silent {
 public:
  explicit Silent(const std::string& address) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':') + 1))));
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
  }
  ~Silent() {
    if (socket_ >= 0) close(socket_);
  }
  Silent(Silent&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  Silent(const Silent&) = delete;
  Silent& operator=(const Silent&) = delete;
  Silent& operator=(Silent&&) = delete;

  int socket() const { return socket_; }
  /// Whether the server closed it within `patience`.
  bool Closed(std::chrono::milliseconds patience) const {
    pollfd waited = {socket_, POLLIN, 0};
    char byte = 0;
    return poll(&waited, 1, static_cast<int>(patience.count())) == 1 && recv(socket_, &byte, 1, 0) <= 0;
  }

 private:
  int socket_ = -1;
};

/// One connection to an endpoint, whose first byte is passed on `late`. Refused before Listen().
class LateRelay {
 public:
  LateRelay() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in here = {};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(here);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&here), size), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&here), &size), 0);
    address_ = absl::StrCat("127.0.0.1:", ntohs(here.sin_port));
  }
  ~LateRelay() {
    shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    close(listener_);
  }
  LateRelay(const LateRelay&) = delete;
  LateRelay& operator=(const LateRelay&) = delete;

  void Listen(const std::string& to, std::chrono::milliseconds late) {
    EXPECT_EQ(listen(listener_, 8), 0);
    thread_ = std::thread([this, to, late] { Relay(to, late); });
  }
  const std::string& address() const { return address_; }

 private:
  void Relay(const std::string& to, std::chrono::milliseconds late) const {
    const int source = accept(listener_, nullptr, nullptr);
    if (source < 0) return;
    poll(nullptr, 0, static_cast<int>(late.count()));
    const Silent endpoint(to);
    pollfd ends[] = {{source, POLLIN, 0}, {endpoint.socket(), POLLIN, 0}, {listener_, 0, 0}};
    for (bool open = true; open && poll(ends, 3, -1) > 0 && ends[2].revents == 0;) {
      for (int from = 0; from < 2; ++from) {
        char bytes[4'096];
        if (ends[from].revents == 0) continue;
        const ssize_t count = recv(ends[from].fd, bytes, sizeof(bytes), 0);
        open = open && count > 0 &&
               send(ends[1 - from].fd, bytes, static_cast<std::size_t>(count), MSG_NOSIGNAL) == count;
      }
    }
    close(source);
  }

  int listener_ = -1;
  std::string address_;
  std::thread thread_;
};

class ConnectionsTest : public EndpointTest {
 protected:
  std::vector<Silent> Connect(int count) const {
    std::vector<Silent> silent;
    for (int i = 0; i < count; ++i) silent.emplace_back(here_->address());
    return silent;
  }

  /// An honest client of its own connection, that tries until it is served or the patience is over.
  absl::Status HonestCall() const {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    absl::Status status;
    do {
      const auto client = here_->Client().value();
      status = client->Authenticate("honest", true, false).status();
    } while (!status.ok() && std::chrono::steady_clock::now() < deadline);
    return status;
  }
};

TEST_F(ConnectionsTest, SilentConnectionsDoNotDisturbAnHonestCallAndAreClosed) {
  Install();
  const std::vector<Silent> silent = Connect(100);
  EXPECT_THAT(Client()->Authenticate("honest", true, false), IsOk());
  for (const Silent& connection : silent) EXPECT_TRUE(connection.Closed(kPatience));
}

TEST_F(ConnectionsTest, AfterTheLastDescriptorWasTakenTheServerAcceptsAgain) {
  Install();
  ASSERT_THAT(HonestCall(), IsOk());
  const std::string folder = absl::StrCat("/proc/", here_->server().pid(), "/fd");
  const auto open = static_cast<rlim_t>(
      std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
  const rlimit tight = {open + 20, open + 20};
  ASSERT_EQ(prlimit(here_->server().pid(), RLIMIT_NOFILE, &tight, nullptr), 0);
  { const std::vector<Silent> silent = Connect(60); }
  EXPECT_THAT(HonestCall(), IsOk());
  const std::vector<Silent> again = Connect(60);
  for (const Silent& connection : again) EXPECT_TRUE(connection.Closed(kPatience));
  EXPECT_THAT(HonestCall(), IsOk());
}

TEST_F(ConnectionsTest, ACrowdOfStrangersKeepsNobodyOutAtEitherPort) {
  InstallationOptions options;
  // This machine's own addresses have no limit of one address.
  options.settings = {{"listen", "connections_max", "50"}, {"listen", "connections_per_address_max", "3"}};
  Install(options);
  const std::vector<Silent> silent = Connect(200);
  std::vector<Silent> at_admin;
  for (int i = 0; i < 200; ++i) at_admin.emplace_back(here_->admin_address());
  for (int i = 0; i < 20; ++i) {
    // Each over a connection of its own.
    EXPECT_THAT(here_->Client().value()->Authenticate("honest", true, false), IsOk()) << i;
    const auto admin = here_->Admin(Role::kViewer).value();
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::ListTenantsResponse response;
    EXPECT_THAT(ToAbsl(admin->ListTenants(&context, v1::ListTenantsRequest(), &response)), IsOk()) << i;
  }
}

TEST_F(ConnectionsTest, TheFirstMessageOfASourceMayBeAsLargeAsAny) {
  Install();
  ASSERT_THAT(HonestCall(), IsOk());
  v1::RowDataRequest request;
  request.set_cycle(1);
  v1::ChangeBatch* batch = request.add_batches();
  batch->set_table("t");
  batch->add_columns()->set_data(std::string(15 << 20, 'x'));
  for (int round = 0; round < 3; ++round) {
    // A connection of its own each time. Such a cycle is not there, so the message was read.
    const absl::StatusOr<v1::RowDataResponse> answer = Client()->RowData(request);
    EXPECT_THAT(answer, StatusIs(absl::StatusCode::kAborted)) << round;
  }
}

TEST_F(ConnectionsTest, CallsWhoseMessageNeverComesLeaveRoomForThoseWhoseDoes) {
  Install();
  std::vector<std::unique_ptr<OpenCall>> idle;
  for (int connection = 0; connection < 4; ++connection) {
    const auto stranger = here_->Channel().value();
    for (int i = 0; i < 90; ++i)
      idle.push_back(std::make_unique<OpenCall>(stranger, "/mirror.v1.MirrorClientService/Authenticate"));
  }
  EXPECT_THAT(HonestCall(), IsOk());
}

TEST_F(ConnectionsTest, AHandshakeMayTakeLongerThanTheTimeBetweenTwoAttempts) {
  Install();
  LateRelay line;
  line.Listen(here_->address(), std::chrono::milliseconds(1'500));
  const auto credentials = MakeChannelCredentials({here_->dir() + "/tls/ca.crt", "", ""});
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  MirrorClient client(OpenChannel(line.address(), *credentials), here_->SourceIdentity().value(),
                      here_->context_id());
  EXPECT_THAT(client.Authenticate("late", true, false), IsOk());
}

TEST_F(ConnectionsTest, AnEndpointThatIsBackIsFoundByTheNextRun) {
  Install();
  LateRelay line;
  const auto credentials = MakeChannelCredentials({here_->dir() + "/tls/ca.crt", "", ""});
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  Line to_endpoint([&] { return OpenChannel(line.address(), *credentials); });
  const auto run = [&] {
    MirrorClient client(to_endpoint.Channel(), here_->SourceIdentity().value(), here_->context_id());
    return client.Authenticate("back", true, false).status();
  };
  EXPECT_THAT(run(), StatusIs(absl::StatusCode::kUnavailable));
  line.Listen(here_->address(), std::chrono::milliseconds(0));
  EXPECT_THAT(run(), IsOk());
}

TEST_F(ConnectionsTest, WithMutualTlsASourceMustShowACertificateOfItsAuthority) {
  InstallationOptions options;
  options.settings = {{"listen", "client_ca", "\"tls/ca.crt\""}};
  Install(options);
  EXPECT_THAT(Client()->Authenticate("x", true, false), StatusIs(absl::StatusCode::kUnavailable));
  const std::string dir = here_->dir();
  const PairFiles own = {dir + "/tls/source.crt", dir + "/tls/source.key"};
  ASSERT_THAT(IssueClient(own, {dir + "/tls/ca.crt", dir + "/tls/ca.key"}, "source", {}), IsOk());
  const auto credentials = MakeChannelCredentials({dir + "/tls/ca.crt", own.certificate, own.key});
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  MirrorClient client(OpenChannel(here_->address(), *credentials), here_->SourceIdentity().value(), "Cust");
  EXPECT_THAT(client.Authenticate("x", true, false), IsOk());
  const PairFiles plain = {dir + "/tls/plain.crt", dir + "/tls/plain.key"};
  IssueForUse(plain, {dir + "/tls/ca.crt", dir + "/tls/ca.key"}, /*use=*/"");
  const auto for_all = MakeChannelCredentials({dir + "/tls/ca.crt", plain.certificate, plain.key});
  ASSERT_TRUE(for_all.ok()) << for_all.status();
  MirrorClient other(OpenChannel(here_->address(), *for_all), here_->SourceIdentity().value(), "Cust");
  EXPECT_THAT(other.Authenticate("x", true, false), StatusIs(absl::StatusCode::kUnavailable))
      << "the certificate does not say that it is for clients";
}

}  // namespace
}  // namespace mirror::connections_test
