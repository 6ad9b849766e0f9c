#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_NETWORK_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_NETWORK_H_

#include <string>

#include "certs/tls.h"
#include "tools/mirrorctl/init/doctor_report.h"

namespace mirror {

/// A port, and what a client of it is configured with.
struct Port {
  std::string name;     ///< Begins the names of the steps: "admin".
  std::string address;  ///< host:port; [::1]:7444 for IPv6.
  ClientTls tls;
  bool plaintext = false;
  bool anonymous = false;  ///< Our own certificate cannot be shown: that the server asks for one is no news.
  std::string configured;  ///< Where that stands: "[endpoint] of 'mirrorctl.toml'".
  std::string listener;    ///< The server's section: "[admin]".
  KeyKind certificate = KeyKind::kAdmin;  ///< What renews the certificate that the server shows.
};

/// From the outside in: name resolution, TCP, TLS, the server's certificate. Gives the name of the step that
/// failed; empty: calls get through.
std::string ExaminePort(const Port& port, DoctorReport& report);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_NETWORK_H_
