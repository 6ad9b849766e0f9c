#include "server/store/postgres/rows/receipt_rows.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/store/mirror_records.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/rows/state_payload.h"

namespace mirror {
namespace {

constexpr char kReadingReceipts[] = "reading the receipts";
/// A row whose key somebody changed counts as removed. The next receipt does not count it either.
constexpr char kOfChain[] = " AND table_key = ''";

postgres::Value OfKind(ReceiptKind kind) { return static_cast<std::int64_t>(kind); }

/// Returns "SELECT … FROM … WHERE" with the condition that the kind is $1.
std::string Select(const PostgresOwnTables& names, const char* columns) {
  return absl::StrCat("SELECT ", columns, " FROM ", names.receipts, " WHERE kind = $1");
}

void Insert(OwnWrites& writes, const PostgresOwnTables& names, ReceiptKind kind, const std::string& table,
            std::int64_t number, std::int64_t cycle, std::string data) {
  writes.Add(
      absl::StrCat("INSERT INTO ", names.receipts,
                   " (kind, table_key, number, \"offset\", cycle, data) VALUES ($1, $2, $3, 0, $4, $5) "
                   "ON CONFLICT (kind, table_key, number, \"offset\") DO UPDATE SET cycle = "
                   "EXCLUDED.cycle, data = EXCLUDED.data"),
      {OfKind(kind), writes.Keep(FoldName(table)), number, cycle,
       postgres::Value::Bytes(writes.Keep(std::move(data)))});
}

}  // namespace

std::string ReceiptHeadSql(const PostgresOwnTables& names) {
  return absl::StrCat("SELECT number, data FROM ", names.receipts,
                      " WHERE kind = ", static_cast<int>(ReceiptKind::kReceipt), kOfChain,
                      " ORDER BY number DESC LIMIT 1");
}

ReceiptHead ReceiptHeadOf(const postgres::Rows& rows) {
  if (rows.rows() == 0) return {};
  return {static_cast<std::uint64_t>(rows.Int(0, 0)), HashOf(rows.Text(0, 1))};
}

absl::StatusOr<ReceiptHead> SelectReceiptHead(postgres::Connection& connection,
                                              const PostgresOwnTables& names) {
  const auto rows = connection.Query(ReceiptHeadSql(names), {}, kReadingReceipts);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  return ReceiptHeadOf(*rows);
}

absl::StatusOr<std::vector<std::string>> SelectReceipts(postgres::Connection& connection,
                                                        const PostgresOwnTables& names, std::uint64_t after,
                                                        std::size_t count_max) {
  if (after > INT64_MAX) return std::vector<std::string>();
  const auto rows = connection.Query(
      absl::StrCat(Select(names, "data"), kOfChain, " AND number > $2 ORDER BY number LIMIT $3"),
      {OfKind(ReceiptKind::kReceipt), static_cast<std::int64_t>(after), static_cast<std::int64_t>(count_max)},
      kReadingReceipts);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  return rows->Texts(0);
}

absl::StatusOr<std::vector<KeptReceipt>> SelectKeptReceipts(postgres::Connection& connection,
                                                            const PostgresOwnTables& names) {
  const auto rows =
      connection.Query(absl::StrCat(Select(names, "number, data"), kOfChain, " ORDER BY number"),
                       {OfKind(ReceiptKind::kReceipt)}, kReadingReceipts);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  std::vector<KeptReceipt> receipts;
  for (int row = 0; row < rows->rows(); ++row) {
    receipts.push_back({static_cast<std::uint64_t>(rows->Int(row, 0)), rows->Text(row, 1)});
  }
  return receipts;
}

void InsertReceipt(OwnWrites& writes, const PostgresOwnTables& names, std::uint64_t number,
                   const std::string& text) {
  writes.Add(
      absl::StrCat("INSERT INTO ", names.receipts,
                   " (kind, table_key, number, \"offset\", cycle, data) VALUES ($1, '', $2, 0, 0, $3)"),
      {OfKind(ReceiptKind::kReceipt), static_cast<std::int64_t>(number),
       postgres::Value::Bytes(writes.Keep(text))});
}

void RemoveReceipts(OwnWrites& writes, const PostgresOwnTables& names, std::uint64_t through) {
  writes.Add(absl::StrCat("DELETE FROM ", names.receipts, " WHERE kind = $1 AND number <= $2"),
             {OfKind(ReceiptKind::kReceipt), static_cast<std::int64_t>(through)});
}

std::string OpenReceiptsSql(const PostgresOwnTables& names) {
  return absl::StrCat("SELECT table_key, cycle, data FROM ", names.receipts,
                      " WHERE kind = ", static_cast<int>(ReceiptKind::kOpen), " AND table_key = ANY ($1)");
}

absl::StatusOr<std::map<std::string, OpenReceipt>> OpenReceiptsOf(const postgres::Rows& rows,
                                                                  const PostgresOwnTables& names) {
  std::map<std::string, OpenReceipt> all;
  for (int row = 0; row < rows.rows(); ++row) {
    PayloadReader payload(rows.View(row, 2));
    OpenReceiptOfTable one{rows.Text(row, 0), {}};
    one.open.cycle = rows.Int(row, 1);
    RETURN_IF_ERROR(payload.Packed(OpenReceiptTable(), one));
    all[one.table] = std::move(one.open);
    if (payload.is_whole()) continue;
    return absl::DataLossError(
        absl::StrCat("the open receipt of table '", rows.Text(row, 0), "' in ", names.receipts,
                     " is not as the mirror wrote it: restore the mirror from a backup"));
  }
  return all;
}

absl::StatusOr<std::optional<OpenReceipt>> SelectOpenReceipt(postgres::Connection& connection,
                                                             const PostgresOwnTables& names,
                                                             const std::string& table) {
  postgres::Array keys = postgres::TextArray(std::vector{FoldName(table)});
  const auto rows = connection.Query(OpenReceiptsSql(names), {keys.value()}, kReadingReceipts);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  ASSIGN_OR_RETURN(auto all, OpenReceiptsOf(*rows, names));
  if (all.empty()) return std::nullopt;
  return std::move(all.begin()->second);
}

absl::StatusOr<std::vector<OpenReceiptOfTable>> SelectOpenReceipts(postgres::Connection& connection,
                                                                   const PostgresOwnTables& names) {
  const auto rows = connection.Query(Select(names, "table_key, cycle, data"), {OfKind(ReceiptKind::kOpen)},
                                     kReadingReceipts);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  ASSIGN_OR_RETURN(auto all, OpenReceiptsOf(*rows, names));
  std::vector<OpenReceiptOfTable> open;
  for (auto& [table, receipt] : all) open.push_back({table, std::move(receipt)});
  return open;
}

void WriteOpenReceipt(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table,
                      const OpenReceipt& open) {
  Insert(writes, names, ReceiptKind::kOpen, table, 0, open.cycle,
         PayloadWriter().Packed(OpenReceiptTable(), {table, open}).Take());
}

void ForgetOpenReceipt(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table) {
  writes.Add(absl::StrCat("DELETE FROM ", names.receipts, " WHERE kind = $1 AND table_key = $2"),
             {OfKind(ReceiptKind::kOpen), writes.Keep(FoldName(table))});
}

}  // namespace mirror
