#include "server/store/mirror_records.h"

#include <array>

namespace mirror {
namespace {

constexpr ColumnOptions kZero = {.default_sql = "0"};
constexpr ColumnOptions kFalse = {.default_sql = "false"};
constexpr ColumnOptions kEmpty = {.default_sql = "''"};
/// The name of a table of the mirror's.
constexpr ColumnOptions kTableName = {.key = true, .sqlite = "TEXT PRIMARY KEY COLLATE NOCASE"};
constexpr TableOptions kInFile = {.sqlite_behind = "WITHOUT ROWID", .is_bare_in_sqlite = true};

using OfTenant = ColumnsOf<TenantRecord>;
constexpr std::array kTenantColumns = {
    OfTenant::Member<&TenantRecord::context_id>("context_id", {.key = true, .kind = ColumnKind::kKeyText}),
    OfTenant::Member<&TenantRecord::issuer>("issuer", kEmpty),
    OfTenant::Member<&TenantRecord::environment>("environment", kEmpty),
    OfTenant::Member<&TenantRecord::source_id>("source_id", kEmpty),
    OfTenant::Member<&TenantRecord::cycle>("cycle", kZero),
    OfTenant::Member<&TenantRecord::active>("active", kFalse),
    OfTenant::Member<&TenantRecord::holder>("holder", kEmpty),
    OfTenant::Member<&TenantRecord::since_ms>("since_ms", kZero),
    OfTenant::Member<&TenantRecord::progress_ms>("progress_ms", kZero),
    OfTenant::Member<&TenantRecord::completed_cycle>("completed_cycle", kZero),
    OfTenant::Member<&TenantRecord::completed_ms>("completed_ms", kZero),
    OfTenant::Member<&TenantRecord::paused>("paused", kFalse),
    OfTenant::Member<&TenantRecord::pause_reason>("pause_reason", kEmpty),
    OfTenant::Member<&TenantRecord::clock_ms>("clock_ms", kZero),
    OfTenant::Member<&TenantRecord::announced>("announced", kEmpty),
    OfTenant::Member<&TenantRecord::touched>("touched", kFalse),
    OfTenant::Member<&TenantRecord::missed_cycle>("missed_cycle", kZero),
    OfTenant::Member<&TenantRecord::missed_ms>("missed_ms", kZero),
    OfTenant::Member<&TenantRecord::scrub>("scrub", kFalse),
    OfTenant::Member<&TenantRecord::source_accepted>("source_accepted", kFalse),
};

using OfNonce = ColumnsOf<Nonce>;
constexpr std::array kNonceColumns = {OfNonce::Member<&Nonce::value>("nonce", {.key = true}),
                                      OfNonce::Member<&Nonce::expires_ms>("expires_ms")};

using OfAnswer = ColumnsOf<SchemaAnswer>;
constexpr std::array kAnswerColumns = {
    OfAnswer::Member<&SchemaAnswer::table>("table_name", kTableName),
    OfAnswer::Member<&SchemaAnswer::action>("action"),
    OfAnswer::Member<&SchemaAnswer::reason>("reason"),
};

}  // namespace

const Record<TenantRecord>& TenantTable() {
  static const Record<TenantRecord> record(
      "_mirror_tenant", kTenantColumns,
      {.sqlite_behind = "WITHOUT ROWID", .has_one_row = true, .is_bare_in_sqlite = true});
  return record;
}

const Record<Nonce>& NonceTable() {
  static const Record<Nonce> record("_mirror_nonces", kNonceColumns, kInFile);
  return record;
}

const Record<SchemaAnswer>& AnswerTable() {
  static const Record<SchemaAnswer> record("_mirror_answers", kAnswerColumns, kInFile);
  return record;
}

}  // namespace mirror
