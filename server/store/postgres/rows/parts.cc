#include "server/store/postgres/rows/parts.h"

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/receipt.h"

namespace mirror {
namespace {

constexpr char kDoingParts[] = "storing parts of large values";

std::string Select(const PostgresParts& of, std::string_view what) {
  return absl::StrCat("SELECT ", std::string(what), " FROM ", of.receipts, " WHERE kind = ", kPartKind,
                      " AND table_key = $1 AND number = $2 AND cycle = $3");
}

}  // namespace

absl::Status WritePart(postgres::Connection& connection, const PostgresParts& of, const KeepPart& part,
                       std::int64_t value_bytes_max) {
  const std::string key = FoldName(of.table);
  ASSIGN_OR_RETURN(const std::int64_t known, CountPartBytes(connection, of, part.value_id));
  const std::int64_t held = known;
  const auto offset = static_cast<std::int64_t>(part.offset);
  const auto size = static_cast<std::int64_t>(part.data.size());
  // This piece is stored already. The message that brings a part limits its size.
  if (offset >= 0 && offset < held && size <= held - offset) return absl::OkStatus();
  if (offset != held) {
    return absl::FailedPreconditionError(absl::StrCat(
        "table '", of.table, "': a part at byte ", offset, " of a value arrived, but the mirror has ", held,
        " bytes of this value. Nothing was stored. Send its parts in order."));
  }
  ASSIGN_OR_RETURN(
      const std::int64_t all,
      connection.Number(absl::StrCat("SELECT coalesce(sum(octet_length(data)), 0)::bigint FROM ", of.receipts,
                                     " WHERE kind = ", kPartKind, " AND cycle = $1"),
                        {{of.cycle}}, kDoingParts));
  if (held + size > value_bytes_max || all + size > 2 * value_bytes_max) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "table '", of.table, "': values that were sent in parts exceed the limit of ", value_bytes_max,
        " bytes for one value, or twice that for all values that wait for their batch. Nothing "
        "was stored. Send the batches of the waiting values first, or leave the column out."));
  }
  return connection.Change(
      absl::StrCat("INSERT INTO ", of.receipts,
                   " (kind, table_key, number, \"offset\", cycle, data) VALUES (", kPartKind,
                   ", $1, $2, $3, $4, $5)"),
      {{key, static_cast<std::int64_t>(part.value_id), offset, of.cycle, postgres::Value::Bytes(part.data)}},
      kDoingParts);
}

absl::StatusOr<std::string> HashParts(postgres::Connection& connection, const PostgresParts& of,
                                      std::uint64_t value_id) {
  Sha256Stream sha;
  RETURN_IF_ERROR(ReadParts(connection, of, value_id, [&sha](std::string_view piece) { sha.Add(piece); }));
  return sha.Finish();
}

absl::StatusOr<std::int64_t> CountPartBytes(postgres::Connection& connection, const PostgresParts& of,
                                            std::uint64_t value_id) {
  const std::string key = FoldName(of.table);
  return connection.Number(Select(of, "coalesce(sum(octet_length(data)), 0)::bigint"),
                           {{key, static_cast<std::int64_t>(value_id), of.cycle}}, kDoingParts);
}

absl::Status ReadParts(postgres::Connection& connection, const PostgresParts& of, std::uint64_t value_id,
                       const std::function<void(std::string_view)>& take) {
  const std::string key = FoldName(of.table);
  ASSIGN_OR_RETURN(postgres::RowStream parts,
                   connection.Stream(absl::StrCat(Select(of, "data"), " ORDER BY \"offset\""),
                                     {{key, static_cast<std::int64_t>(value_id), of.cycle}}, kDoingParts));
  absl::StatusOr<bool> row = parts.Step();
  for (; row.ok() && *row; row = parts.Step()) take(parts.row().View(0, 0));
  return row.status();
}

std::string PartsSql(const PostgresParts& of, int key, int cycle) {
  return absl::StrCat(of.receipts, " WHERE kind = ", kPartKind, " AND table_key = $", key,
                      "::text AND cycle = $", cycle, "::bigint");
}

absl::Status ForgetParts(postgres::Connection& connection, const PostgresParts& of,
                         const std::vector<std::uint64_t>& value_ids) {
  if (value_ids.empty()) return absl::OkStatus();
  postgres::Array ids(postgres::Type::kInt8);
  for (const std::uint64_t id : value_ids) ids.Add(static_cast<std::int64_t>(id));
  const std::string key = FoldName(of.table);
  return connection.Change(absl::StrCat("DELETE FROM ", of.receipts, " WHERE kind = ", kPartKind,
                                        " AND table_key = $1 AND number = ANY ($2::bigint[])"),
                           {{key, ids.value()}}, kDoingParts);
}

}  // namespace mirror
