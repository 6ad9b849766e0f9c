#ifndef MIRROR_CLIENT_COMMAND_RECEIPTS_COMMAND_H_
#define MIRROR_CLIENT_COMMAND_RECEIPTS_COMMAND_H_

#include <ostream>
#include <string>
#include <vector>

namespace mirror {

struct ReceiptsOptions {
  std::string config = {};                     ///< Path of mirror-agent.toml.
  std::vector<std::string> certificates = {};  ///< Former ones of the application, PEM.
  bool json = false;
};

/// mirror-agent receipts verify: what the receipts of each [[source]] prove. Reads files alone.
/// With `json` one object: {"sources": [{"context_id", "path", "receipts", "first", "last", "compared",
/// "signed_to", "signed_at", "unsigned", "never_signed", "tables": {NAME: RECEIPTS}, "notes",
/// "notes_more", "findings", "findings_more"}]}.
/// Gives the exit code: 0 all is proven, 1 there are findings or nothing is signed, 2 the configuration is
/// wrong.
int VerifyReceipts(const ReceiptsOptions& options, std::ostream& out, std::ostream& err);

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_RECEIPTS_COMMAND_H_
