#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_NETWORK_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_NETWORK_H_

#include <string>

#include "certs/tls.h"
#include "tools/mirrorctl/init/doctor_report.h"

namespace mirror {

/// A port and the configuration of its client.
struct Port {
  std::string name;     ///< First part of the steps' names, such as "admin".
  std::string address;  ///< host:port; [::1]:7444 for IPv6.
  ClientTls tls;
  bool plaintext = false;
  bool anonymous = false;  ///< Connects without a certificate of our own. If the server then asks for one,
                           ///< that is not reported as a problem.
  std::string configured;  ///< The section that has the address, such as "[endpoint] of 'mirrorctl.toml'".
  std::string listener;    ///< The server's section, such as "[admin]".
  KeyKind certificate =
      KeyKind::kAdmin;  ///< Kind of the key that must be renewed if the server's certificate has expired.
};

/// Checks from the outside in: name resolution, TCP, TLS, the server's certificate. Returns the name of the
/// step that failed; empty: calls reach the server.
std::string ExaminePort(const Port& port, DoctorReport& report);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_NETWORK_H_
