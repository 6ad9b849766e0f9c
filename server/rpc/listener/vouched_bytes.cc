#include "server/rpc/listener/vouched_bytes.h"

#include <utility>

#include "absl/strings/str_replace.h"

namespace mirror {

std::string PeerName(std::string_view grpc_peer) {
  std::string name = absl::StrReplaceAll(std::string(grpc_peer), {{"%5B", "["}, {"%5D", "]"}, {"%25", "%"}});
  const std::size_t scope = name.find('%'), end = name.find(']');
  if (scope != std::string::npos && end != std::string::npos && scope < end) name.erase(scope, end - scope);
  return name;
}

void VouchedBytes::Begin(const std::string& peer) {
  const MutexLock lock(mutex_);
  connections_[peer] = {};
}

void VouchedBytes::End(const std::string& peer) {
  const MutexLock lock(mutex_);
  connections_.erase(peer);
}

void VouchedBytes::Vouch(std::string_view peer, std::uint64_t bytes) {
  const std::string name = PeerName(peer);
  const MutexLock lock(mutex_);
  if (const auto found = connections_.find(name); found != connections_.end())
    found->second.report.bytes += bytes;
}

void VouchedBytes::NoteEmptyCall(std::string_view peer, std::uint64_t other_bytes) {
  const std::string name = PeerName(peer);
  const MutexLock lock(mutex_);
  const auto found = connections_.find(name);
  if (found == connections_.end()) return;
  ++found->second.report.empty_calls;
  found->second.report.other_bytes += other_bytes;
}

void VouchedBytes::NoteRefusedCall(std::string_view peer) {
  const std::string name = PeerName(peer);
  const MutexLock lock(mutex_);
  if (const auto found = connections_.find(name); found != connections_.end())
    ++found->second.report.refused_calls;
}

void VouchedBytes::NoteOpenCall(std::string_view peer) {
  const std::string name = PeerName(peer);
  const MutexLock lock(mutex_);
  if (const auto found = connections_.find(name); found != connections_.end())
    ++found->second.report.open_calls;
}

void VouchedBytes::Hold(std::string_view peer) {
  const std::string name = PeerName(peer);
  const MutexLock lock(mutex_);
  if (const auto found = connections_.find(name); found != connections_.end()) ++found->second.held;
}

void VouchedBytes::Release(std::string_view peer) {
  const std::string name = PeerName(peer);
  const MutexLock lock(mutex_);
  // Another connection may have the name by now.
  const auto found = connections_.find(name);
  if (found != connections_.end() && found->second.held > 0) --found->second.held;
}

bool VouchedBytes::Holds(const std::string& peer) {
  const MutexLock lock(mutex_);
  const auto found = connections_.find(peer);
  return found != connections_.end() && found->second.held > 0;
}

std::vector<VouchedBytes::Report> VouchedBytes::Take(const std::vector<const std::string*>& peers) {
  std::vector<Report> reports(peers.size());
  const MutexLock lock(mutex_);
  for (std::size_t i = 0; i < peers.size(); ++i) {
    if (const auto found = connections_.find(*peers[i]); found != connections_.end()) {
      reports[i] = std::exchange(found->second.report, {});
    }
  }
  return reports;
}

}  // namespace mirror
