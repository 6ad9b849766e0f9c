"""The rules that are broken, one edit each. An edit is found by its text, which has to be in its file exactly once.

Each has the suites that are to notice it, as filters of gtest: the tests that are named for the rule come first.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Edit:
    rule: str  # What is no longer kept.
    path: str
    old: str
    new: str
    binary: str
    tests: str


def _server(rule, path, old, new, tests):
    return Edit(rule, "server/" + path, old, new, "server_test", tests)


def _store(rule, path, old, new, tests):
    return Edit(rule, "server/store/" + path, old, new, "contract_test", tests)


def _client(rule, path, old, new, tests):
    return Edit(rule, "client/" + path, old, new, "client_test", tests)


def _certs(rule, path, old, new, tests):
    return Edit(rule, "certs/" + path, old, new, "certs_test", tests)


def _wire(rule, path, old, new, tests):
    return Edit(rule, "proto/wire/" + path, old, new, "wire_test", tests)


EDITS = [
    # The order of batches, and the LSN.
    _server("a repeated batch is not applied again", "plan/apply_plan.cc",
            "if (batch.seq <= applied) {", "if (batch.seq < applied) {", "*PlanBatch*"),
    _server("a batch after a gap is not applied", "plan/apply_plan.cc",
            "if (batch.seq != applied + 1) {", "if (batch.seq > applied + 2) {", "*PlanBatch*"),
    _server("a table is committed once in a cycle", "plan/apply_plan.cc",
            "if (applied != 0 && !record->pending) {", "if (applied > 1 && !record->pending) {", "*PlanBatch*"),
    _server("a batch begins at the LSN that the mirror holds", "plan/apply_plan.cc",
            "if (batch.base_lsn != held)", "if (batch.base_lsn > held)", "*PlanBatch*"),
    _server("a commit is on the last batch", "plan/apply_plan.cc",
            "batch.commit->batches != batch.seq", "batch.commit->batches < batch.seq", "*PlanBatch*"),
    _server("a population clears the position with its first batch", "plan/apply_plan.cc",
            "    next.position = Position{};\n", "", "*PlanBatch*"),
    _server("a table that is new in a mirror has no LSN", "plan/schema_plan.cc",
            "  step.record->position = Position{};\n  step.record->pending.reset();\n"
            "  step.record->state = TableState::kMirrored;",
            "  step.record->state = TableState::kMirrored;", "PlanTable.*:*SchemaChange*:*UnfinishedState*"),
    _server("another definition resets the LSN", "plan/schema_plan.cc",
            "step.otherwise.clear();\n  step.record->position = Position{};", "step.otherwise.clear();",
            "PlanTable.*:*SchemaChange*:*UnfinishedState*"),
    _server("an advance does not skip a refused batch", "tenant/row_planner.cc",
            "if (sent || refused_.contains(key)) {", "if (sent) {", "*CycleNotes*"),
    # A mirror's file.
    _server("a mirror that is being built is not durable", "store/sqlite/sqlite_new_mirror.cc",
            "bool IsDurable() override { return !building_; }", "bool IsDurable() override { return true; }",
            "NewMirror.*:*FirstPopulation*"),
    _server("a first population that died leaves no row", "store/sqlite/rows/sqlite_schema.cc",
            'shadow->is_table ? "DELETE FROM "', 'shadow->is_table ? "SELECT 1 FROM "',
            "NewMirror.*:*FirstPopulation*"),
    _server("a file that was replaced during a transaction is noticed", "store/sqlite/sqlite_transaction.cc",
            "if (!connection_.SameFile() || !connection_.SameLog()) {", "if (!connection_.SameLog()) {",
            "ReplacedFile.*"),
    _store("a nonce is accepted once", "begin_work.cc",
           "if (count.has_this) {", "if (count.has_this && count.all > 1) {", "*StoreContract*"),
    _store("a nonce is remembered as long as its token is valid", "begin_work.cc",
           "verbs.ForgetNonces(std::max(tenant.clock_ms, plan_.now_ms)));",
           "verbs.ForgetNonces(std::max(tenant.clock_ms, plan_.now_ms) + 60'000));", "*StoreContract*"),
    _store("a failed request is tried again in a savepoint", "begin_work.cc",
           "if (result.ok() || !(ran.needs_savepoint || try_again))", "if (result.ok() || !try_again)", "*StoreContract*:*StoreWork*"),
    _store("a swap does not replace a table of somebody else", "sqlite/rows/sqlite_swap.cc",
           "if (!IsOurs(*visible)) {", "if (visible->name.empty()) {", "*SwapContract*:*StoreContract*:*Partner*"),
    _store("the partner's triggers remain after a swap", "sqlite/rows/sqlite_swap.cc",
           "'trigger' AND tbl_name = ?1", "'trigger' AND name = ?1", "*SwapContract*:*PartnerContract*"),
    _store("rows that the partner marks keep the time of their deletion", "sqlite/rows/sqlite_swap.cc",
           "if (schema.deletes == Deletes::kMark) remove.Bind(1, now_ms);",
           "if (schema.deletes == Deletes::kMark) remove.Bind(1, now_ms - now_ms);", "*PartnerContract*"),
    _store("a value in parts has a limit", "sqlite/rows/sqlite_rows.cc",
           "if (held + size > value_bytes_max ||", "if (size > value_bytes_max ||", "*StoreValues*:*StoreContract*"),
    # What an operator decides.
    _server("losses exactly at the limit are not held", "plan/breaker.cc",
            "total <= window.before * limits.rows_percent / 100", "total < window.before * limits.rows_percent / 100",
            "Breaker.*"),
    _server("losses before the window do not count", "plan/breaker.cc",
            "if (!loss.committed || loss.at_ms < now_ms - limits.window_ms) continue;",
            "if (!loss.committed || loss.at_ms < now_ms - 2 * limits.window_ms) continue;", "Breaker.*"),
    _server("an allowed loss permits its count and a tenth more, not all rows", "plan/breaker.cc",
            "hold->rows + hold->rows / 10", "hold->rows * 2", "Breaker.*:HoldsTest.*"),
    _server("many small losses count as one large loss", "plan/breaker.cc",
            "window.gone += loss.rows;", "window.gone = loss.rows;", "Breaker.*:HoldsTest.*"),
    _server("if deletes are ignored, nothing is held", "tenant/row_planner.cc",
            "if (!limits.on || incoming.schema->deletes == Deletes::kIgnore) return absl::OkStatus();",
            "if (!limits.on) return absl::OkStatus();", "Breaker.*:HoldsTest.*"),
    _server("a deleted tenant is not opened", "tenant/tenants.cc",
            "if (deleted_.contains(key)) return std::shared_ptr<Tenant>();", "", "TenantsTest.*"),
    _server("a deleted tenant stays away after a restart", "tenant/tenants.cc",
            "tenants->deleted_ = std::move(deletions.all);", "tenants->deleted_.clear();",
            "TenantsTest.*"),
    # Layouts and quoting.
    Edit("a file of a later layout is refused", "base/db/sqlite/file_layout.cc",
         "if (found.number <= known.present) return", "if (found.number <= known.present + 1) return",
         "base_test", "FileLayoutTest.*"),
    Edit("a step of a layout conversion is not made twice", "base/db/sqlite/file_layout.cc",
         "if (step.to <= former.number) continue;", "if (step.to < former.number) continue;",
         "base_test", "FileLayoutTest.*"),
    Edit("a quotation mark in a name is doubled", "proto/wire/table.cc",
         r'{{"\"", "\"\""}}', r'{{"\"", "\""}}', "server_test", "*Names*:Sql*:*Declaration*:TextForms.*"),
    # Receipts and digests.
    _wire("the digest of a batch includes where each array ends", "receipt.cc",
          "    sha_.AddNumber(static_cast<std::uint64_t>(array.size()));\n", "", "BatchDigest.*:Receipt.*"),
    Edit("a receipt names the one before it", "server/plan/receipt_plan.cc",
         "receipt.previous = head.hash;", "receipt.previous = step.digest;", "contract_test", "*Receipts*"),
    _wire("0.0 and -0.0 are one value", "row_digest.cc",
          "value == 0 ? 0.0 : value", "value", "RowDigest.*"),
    # Limits.
    _wire("a batch has a limit of rows", "codec.cc",
          "if (rows > limits.batch_rows_max) {", "if (rows > limits.batch_rows_max + 1) {", "*"),
    _wire("a batch has a limit of values", "codec.cc",
          "if (rows * columns > limits.batch_cells_max) {", "if (rows > limits.batch_cells_max) {", "*"),
    _server("a message has a limit of entries", "rpc/message_check.cc",
            "++counted.entries > entries_max", "++counted.entries > entries_max + 1", "MessageCheckTest.*"),
    _server("a tenant has a limit of calls", "source/in_flight.cc",
            "found->second.calls >= calls_tenant_max()", "found->second.calls > calls_tenant_max()", "InFlightTest.*"),
    # Who may come in.
    _certs("a token that expired is refused", "token.cc",
           "if (now_s >= expires + rules.leeway_s) return", "if (now_s > expires + rules.leeway_s) return",
           "*Token*:*BadContent*"),
    _certs("a token is for exactly one audience", "token.cc",
           "audience->is_array() && audience->size() == 1", "audience->is_array() && !audience->empty()",
           "*Token*:*BadContent*"),
    _certs("a key signs only for its own issuer", "token.cc",
           "if (issuer == nullptr || *issuer != entry->issuer) {", "if (issuer == nullptr) {", "*Token*:*BadContent*"),
    _certs("a token is valid only for its own kind of call", "token.cc",
           "if (type == nullptr || *type != TokenType(use)) {", "if (type == nullptr) {",
           "*Token*:*BadContent*:*BadText*"),
    _server("an issuer's tenants are those of its environment", "source/gate.cc",
            "return candidate.name == name && candidate.environment == environment;",
            "return candidate.name == name;", "*GateTest*:*GateListTest*"),
    _server("a removed key ends the streams that it began", "source/gate.cc",
            "if (standing->keys == now->ring.generation() && now_s < standing->key_until_s)",
            "if (now_s < standing->key_until_s)", "*GateTest*"),
    # The source's change log.
    _client("a value in a column that was just added is sent", "source/sqlite/log/net_changes.cc",
            "THEN NULL WHEN seq <= ", "THEN NULL WHEN seq < ", "ChangeLogTest.*"),
    _client("rows that are read separately are covered by a later record", "source/sqlite/log/net_changes.cc",
            "if (aside) one_look_ = covered = false;", "if (aside) one_look_ = false;", "*BusySourceTest*"),
    _client("a population without a key is committed at the position where its rows were read", "source/sqlite/sqlite_reader.cc",
            "return log_->Seal(name_, Lsn{*looks_.moved()});", "return target;", "*BusySourceTest*"),
    _client("a cycle does not continue from a position older than the log", "source/sqlite/log/change_log.cc",
            "if (lsn < log->floor) return Standing::kGone;", "if (lsn < 0) return Standing::kGone;",
            "ChangeLogTest.*:RestoredSourceTest.*"),
    _client("no entry is removed that a mirror still needs", "source/sqlite/log/change_log.cc",
            "std::min(old[log->id], position.lsn.value)", "std::max(old[log->id], position.lsn.value)",
            "ChangeLogTest.*:RestoredSourceTest.*"),
    # The agent's cycle.
    _client("only the answer to the commit counts as one", "wire/row_sender.cc",
            "result.seq() == job->commit_seq", "result.seq() >= job->commit_seq", "CycleTest.*"),
    _client("a table that was not committed is not durable", "cycle/cycle_end.cc",
            "if (job.committed) durable[job.schema.name] = job.sent;", "durable[job.schema.name] = job.sent;",
            "CycleTest.*"),
    _client("a run's LSN is above each one that the mirror shows", "state/run_state.cc",
            "highest < kSensible ? highest : 0", "highest > kSensible ? highest : 0",
            "CycleTest.*:*ReasonTest*:RunStateTest.*"),
    Edit("an equal row is not changed by its neighbours", "client/cycle/verifier.cc",
         "own + 1 == row.mirror_keys.end() ? row.range.last : *(own + 1)", "row.range.last",
         "endpoint_test", "*EveryJournal*"),
]
