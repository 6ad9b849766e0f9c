#ifndef MIRROR_TESTS_CLIENT_COMMAND_AGENT_TOML_H_
#define MIRROR_TESTS_CLIENT_COMMAND_AGENT_TOML_H_

#include <fstream>
#include <string>

#include "tests/client/source/source_database.h"

namespace mirror {

/// Where nobody listens.
inline constexpr const char* kNoEndpoint = "127.0.0.1:1";

/// The folder's mirror-agent.toml: an endpoint without TLS, the keys of FakeEndpoint, and `rest`.
inline void WriteAgentToml(const TempFolder& folder, const std::string& address, const std::string& rest) {
  std::ofstream(folder / "mirror-agent.toml")
      << "[endpoint]\naddress = \"" << address << "\"\nplaintext = true\n"
      << "[identity]\nissuer = \"Source\"\nkey = \"source.key\"\nkey_id = \"source\"\n"
      << "application_id = \"application\"\napplication_certificate = \"application.crt\"\n"
      << rest;
}

/// For `rest`; `more`: further keys of it.
inline std::string Source(const std::string& path, const std::string& more = "",
                          const std::string& id = "Cust") {
  return "[[source]]\ncontext_id = \"" + id + "\"\npath = \"" + path + "\"\n" + more;
}

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_COMMAND_AGENT_TOML_H_
