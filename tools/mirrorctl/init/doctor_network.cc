#include "tools/mirrorctl/init/doctor_network.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/human_text.h"
#include "certs/key.h"
#include "certs/tls_probe.h"
#include "tools/mirrorctl/init/doctor_server.h"

namespace mirror {
namespace {

constexpr int kPatienceMs = 5'000;  // Time limit for connecting, and for each step of a handshake.

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

/// Owns a socket and closes it.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(Socket&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Socket& operator=(Socket&&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

struct HostAndPort {
  std::string host, port;
};

/// Splits host:port. The code that read the configuration has checked the form.
HostAndPort Split(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  return {host, address.substr(colon + 1)};
}

std::string TextOf(const addrinfo& address) {
  char host[NI_MAXHOST];
  const int code =
      getnameinfo(address.ai_addr, address.ai_addrlen, host, sizeof(host), nullptr, 0, NI_NUMERICHOST);
  return code == 0 ? host : "?";
}

/// Connects to one address. Errors: the reason, such as "Connection refused".
absl::StatusOr<Socket> Connect(const addrinfo& address) {
  Socket socket(::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0) return absl::UnavailableError(strerror(errno));
  if (connect(socket.get(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return absl::UnavailableError(strerror(errno));
    pollfd ready{socket.get(), POLLOUT, 0};
    int error = 0;
    socklen_t size = sizeof(error);
    if (poll(&ready, 1, kPatienceMs) <= 0) return absl::UnavailableError("no answer in time");
    getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return absl::UnavailableError(strerror(error));
  }
  fcntl(socket.get(), F_SETFL, fcntl(socket.get(), F_GETFL) & ~O_NONBLOCK);
  const timeval patience{kPatienceMs / 1'000, 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  return socket;
}

/// Resolves a name and reports the step. Null: the step failed.
Addresses Resolve(const Port& port, const std::string& step, DoctorReport& report) {
  const HostAndPort at = Split(port.address);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int code = getaddrinfo(at.host.c_str(), at.port.c_str(), &wanted, &found); code != 0) {
    report.Fail(step, absl::StrCat("the name '", at.host, "' cannot be resolved: ", gai_strerror(code)),
                absl::StrCat("correct 'address' of ", port.configured, ", or this machine's name service"));
    return nullptr;
  }
  Addresses addresses(found);
  std::vector<std::string> texts;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) texts.push_back(TextOf(*one));
  const bool numeric = texts.size() == 1 && texts[0] == at.host;
  report.Ok(step, numeric ? absl::StrCat(at.host, " is an address")
                          : absl::StrCat(at.host, " is ", absl::StrJoin(texts, ", ")));
  return addresses;
}

/// Connects to the first address that answers, and reports the step. Errors: the step failed.
absl::StatusOr<Socket> Reach(const Port& port, const addrinfo* addresses, const std::string& step,
                             DoctorReport& report) {
  std::vector<std::string> reasons;
  for (const addrinfo* one = addresses; one != nullptr; one = one->ai_next) {
    absl::StatusOr<Socket> socket = Connect(*one);
    if (socket.ok()) {
      report.Ok(step, absl::StrCat(TextOf(*one), " port ", Split(port.address).port, " answers"));
      return socket;
    }
    reasons.push_back(absl::StrCat(TextOf(*one), ": ", socket.status().message()));
  }
  report.Fail(
      step, absl::StrCat("no server answers at ", port.address, " (", absl::StrJoin(reasons, "; "), ")"),
      absl::StrCat("check that mirror-server runs and that ", port.listener,
                   " of its configuration has this address and port; then check for a firewall in between"));
  return absl::UnavailableError("");
}

/// Reports the result of the handshake. Returns true if it is as expected.
bool Judge(const Port& port, const TlsProbe& probe, const std::string& step, DoctorReport& report) {
  if (const std::int64_t now_s = std::time(nullptr);
      !probe.chain.empty() && probe.chain.front().not_before > now_s) {
    const CertificateInfo& shown = probe.chain.front();
    report.Fail(step,
                absl::StrCat("this machine's clock says ", FormatUnixTime(now_s),
                             ", and the server's certificate '", shown.subject, "' is valid only from ",
                             FormatUnixTime(shown.not_before), ": this machine's clock may be behind"),
                absl::StrCat(kSetTheClock, "; if the clock is right, at the server: ",
                             std::string(Renewal(port.certificate))));
    return false;
  }
  if (!probe.disbelieved.empty()) {
    const std::string who = probe.chain.empty() ? "" : absl::StrCat(" '", probe.chain.front().subject, "'");
    report.Fail(
        step, absl::StrCat("the server's certificate", who, " is not trusted: ", probe.disbelieved),
        absl::StrCat("it must be signed by '", port.tls.ca.empty() ? "the system's list" : port.tls.ca,
                     "' ('ca' of ", port.configured,
                     "), be valid now and name the host of 'address'; "
                     "otherwise ",
                     std::string(Renewal(port.certificate))));
    return false;
  }
  if (!probe.refused.empty() && !port.anonymous) {
    const auto own = ReadCertificateInfo(port.tls.certificate);
    if (!port.tls.certificate.empty() && own.ok() && !own->is_for_clients) {
      report.Fail(
          step,
          absl::StrCat("the server does not accept '", port.tls.certificate,
                       "': its extended key usage lacks clientAuth"),
          absl::StrCat("issue the certificate anew: ",
                       std::string(Renewal(port.certificate == KeyKind::kAdmin ? KeyKind::kAdminIdentity
                                                                               : KeyKind::kClient))));
      return false;
    }
    report.Fail(step, absl::StrCat("the server ended the connection after the handshake: ", probe.refused),
                port.tls.certificate.empty()
                    ? absl::StrCat("it asks for a client certificate: set 'certificate' and 'key' in ",
                                   port.configured)
                    : absl::StrCat("'", port.tls.certificate,
                                   "' must be signed by the authority that 'client_ca' "
                                   "of the server's ",
                                   port.listener, " names, and be valid now"));
    return false;
  }
  if (!probe.http2) {
    report.Fail(step, "the server speaks TLS, but not gRPC",
                absl::StrCat("correct 'address' of ", port.configured, ": it is another service's port"));
    return false;
  }
  report.Ok(step, absl::StrCat(probe.version, ", the server's certificate is trusted",
                               port.tls.certificate.empty() ? "" : ", and it accepts ours"));
  return true;
}

bool Handshake(const Port& port, const Socket& socket, const std::string& step, DoctorReport& report) {
  const absl::StatusOr<TlsProbe> probe = ProbeTls(socket.get(), Split(port.address).host, port.tls);
  const std::string dated = absl::StrCat(port.name, " certificate");
  if (!probe.ok()) {
    const std::string words(probe.status().message());
    if (absl::IsUnavailable(probe.status())) {
      report.Fail(step, absl::StrCat("no TLS handshake: ", words),
                  absl::StrCat("check that 'address' of ", port.configured, " is the port of the server's ",
                               port.listener, ", and that the port uses TLS"));
    } else {
      report.Fail(step, words, absl::StrCat("correct the files that ", port.configured, " names"));
    }
    report.Skip(dated, step);
    return false;
  }
  const bool good = Judge(port, *probe, step, report);
  if (probe->chain.empty()) return good;
  report.Dated(dated, {probe->chain.front().subject, port.certificate, probe->chain.front().not_after},
               absl::StrCat("at the server: ", std::string(Renewal(port.certificate))));
  return good;
}

}  // namespace

std::string ExaminePort(const Port& port, DoctorReport& report) {
  const std::string name = absl::StrCat(port.name, " name"), tcp = absl::StrCat(port.name, " port"),
                    tls = absl::StrCat(port.name, " TLS"),
                    certificate = absl::StrCat(port.name, " certificate");
  const Addresses addresses = Resolve(port, name, report);
  if (addresses == nullptr) {
    for (const std::string& step : {tcp, tls, certificate}) report.Skip(step, name);
    return name;
  }
  const absl::StatusOr<Socket> socket = Reach(port, addresses.get(), tcp, report);
  if (!socket.ok()) {
    for (const std::string& step : {tls, certificate}) report.Skip(step, tcp);
    return tcp;
  }
  if (port.plaintext) {
    report.Ok(tls, "none, because 'plaintext' is set");
    return "";
  }
  return Handshake(port, *socket, tls, report) ? "" : tls;
}

}  // namespace mirror
