#include "client/cycle/answer_check.h"

#include "absl/strings/str_cat.h"

namespace mirror {

absl::Status CheckLimits(const v1::Limits& limits) {
  const auto too_small = [](const char* name, std::size_t limit, std::size_t min) {
    return absl::InternalError(
        absl::StrCat("the endpoint says ", name, " = ", limit, ", but rows need at least ", min,
                     " bytes. No row was sent; the endpoint's operator has to raise the limit"));
  };
  if (limits.message_bytes_max() > 0 && limits.message_bytes_max() < kMessageBytesMin) {
    return too_small("message_bytes_max", limits.message_bytes_max(), kMessageBytesMin);
  }
  if (limits.part_bytes_max() > 0 && limits.part_bytes_max() < kPartBytesMin) {
    return too_small("part_bytes_max", limits.part_bytes_max(), kPartBytesMin);
  }
  return absl::OkStatus();
}

absl::Status CheckTables(const v1::TableSchemaRequest& request, const v1::TableSchemaResponse& response) {
  if (response.tables_size() != request.tables_size()) {
    return absl::InternalError("the endpoint did not answer for each announced table. No row was sent");
  }
  for (int i = 0; i < request.tables_size(); ++i) {
    const v1::Table& table = request.tables(i);
    const v1::TableStatus& status = response.tables(i);
    if (status.table() != table.name()) {
      return absl::InternalError(absl::StrCat("the endpoint's answer for table '", table.name(),
                                              "' names another table. No row was sent"));
    }
    for (int column = 0; column < table.columns_size() && column < status.rules_size(); ++column) {
      if (table.columns(column).key_position() == 0) continue;
      if (status.rules(column) != v1::COLUMN_RULE_LEFT_OUT) continue;
      return absl::InternalError(absl::StrCat("the endpoint wants table '", table.name(), "' without '",
                                              table.columns(column).name(),
                                              "', which is part of its key. No row was sent"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckVerdicts(const v1::ReplicationCompletedRequest& request,
                           const v1::ReplicationCompletedResponse& response) {
  bool same = response.tables_size() == request.tables_size();
  for (int i = 0; same && i < request.tables_size(); ++i) {
    same = response.tables(i).table() == request.tables(i).table();
  }
  if (same) return absl::OkStatus();
  return absl::InternalError(
      "the endpoint ended the cycle without a row count for each table. What was acknowledged is committed; "
      "the next run goes on from there");
}

}  // namespace mirror
