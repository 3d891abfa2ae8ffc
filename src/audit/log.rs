//! The log as a Merkle tree (RFC 6962): what its leaves and nodes are, how it grows, and which nodes prove something of it.

use ct_merkle::{indices_for_consistency_proof, indices_for_inclusion_proof};
use sha2::{Digest as _, Sha256};

/// SHA-256.
pub type Hash = [u8; 32];

/// The hash of a leaf.
pub fn leaf(content: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(content).finalize().into()
}

fn parent(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of a complete subtree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its leaves are two to the power of this.
    pub level: u32,
    /// Its place among those of its level.
    pub position: u64,
    /// Its hash.
    pub hash: Hash,
}

/// The complete subtrees that a log falls into, largest first: all that is needed to go on with it.
#[derive(Clone, Debug, Default)]
pub struct Frontier {
    size: u64,
    roots: Vec<Hash>,
}

impl Frontier {
    /// Levels and positions of the subtrees of a log of `size` leaves.
    pub fn places(size: u64) -> Vec<(u32, u64)> {
        let set = (0..u64::BITS).rev().filter(|level| size >> level & 1 == 1);
        set.map(|level| (level, (size >> level) - 1)).collect()
    }

    /// A log of `size` leaves whose subtrees, in the order of [`Frontier::places`], have these roots.
    pub const fn new(size: u64, roots: Vec<Hash>) -> Self {
        Self { size, roots }
    }

    /// Leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf; tells of each subtree that is complete with it.
    pub fn push(&mut self, leaf: Hash, mut complete: impl FnMut(Node)) {
        let mut node = Node { level: 0, position: self.size, hash: leaf };
        complete(node);
        while node.position % 2 == 1
            && let Some(left) = self.roots.pop()
        {
            node = Node { level: node.level + 1, position: node.position / 2, hash: parent(&left, &node.hash) };
            complete(node);
        }
        self.roots.push(node.hash);
        self.size += 1;
    }

    /// The root of the log.
    pub fn root(&self) -> Hash {
        let mut rest = self.roots.iter().rev();
        let last = rest.next().copied().unwrap_or_else(|| Sha256::digest([]).into());
        rest.fold(last, |right, left| parent(left, &right))
    }
}

/// What proves that the leaf at `position` is in the log of `size` leaves; `None` where it is not.
pub fn inclusion<E>(
    size: u64,
    position: u64,
    node: impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Option<Vec<Hash>>, E> {
    if position >= size {
        return Ok(None);
    }
    hashes(&indices_for_inclusion_proof(size, position), size, node).map(Some)
}

/// What proves that the log of `first` leaves is the beginning of that of `second`; `None` where there is nothing to prove.
pub fn consistency<E>(
    first: u64,
    second: u64,
    node: impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Option<Vec<Hash>>, E> {
    if first == 0 || first > second {
        return Ok(None);
    }
    hashes(&indices_for_consistency_proof(first, second - first), second, node).map(Some)
}

/// The hashes at these places of the tree written as an array, leaves at even places, in a log of `size` leaves.
fn hashes<E>(places: &[u64], size: u64, mut node: impl FnMut(u32, u64) -> Result<Hash, E>) -> Result<Vec<Hash>, E> {
    let mut found = Vec::with_capacity(places.len());
    for place in places {
        let level = place.trailing_ones();
        let start = (place >> (level + 1)) << level;
        found.push(of_range(start, size.min(start + (1 << level)), &mut node)?);
    }
    Ok(found)
}

fn of_range<E>(start: u64, end: u64, node: &mut impl FnMut(u32, u64) -> Result<Hash, E>) -> Result<Hash, E> {
    let leaves = end - start;
    if leaves.is_power_of_two() {
        let level = leaves.trailing_zeros();
        return node(level, start >> level);
    }
    let left = 1 << leaves.ilog2();
    Ok(parent(&of_range(start, start + left, node)?, &of_range(start + left, end, node)?))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::convert::Infallible;

    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};

    use super::*;

    /// Roots, and nodes by level and position, of logs that grow leaf by leaf.
    fn grown(leaves: u64) -> (Vec<Hash>, HashMap<(u32, u64), Hash>) {
        let (mut frontier, mut nodes) = (Frontier::default(), HashMap::new());
        let mut roots = vec![frontier.root()];
        for leaf_number in 0..leaves {
            frontier.push(leaf(&leaf_number.to_be_bytes()), |node| {
                assert_eq!(nodes.insert((node.level, node.position), node.hash), None, "a node never changes");
            });
            roots.push(frontier.root());
        }
        (roots, nodes)
    }

    #[test]
    fn it_grows_as_the_library_says() {
        let (roots, nodes) = grown(70);
        let mut tree = MemoryBackedTree::<Sha256, [u8; 8]>::new();
        for (size, root) in roots.iter().enumerate() {
            assert_eq!(tree.root().as_bytes()[..], root[..], "of {size}");
            let size = u64::try_from(size).unwrap();
            let places = Frontier::places(size);
            let again = Frontier::new(size, places.iter().map(|place| nodes[place]).collect());
            assert_eq!(again.root(), *root, "from what is kept of {size}");
            tree.push(size.to_be_bytes());
        }
    }

    #[test]
    fn every_proof_convinces_the_library_and_no_other_leaf_has_it() {
        let (roots, nodes) = grown(40);
        let node = |level, position| Ok::<_, Infallible>(nodes[&(level, position)]);
        let root = |size: u64| RootHash::<Sha256>::new(roots[usize::try_from(size).unwrap()].into(), size);
        for size in 1..=40_u64 {
            for position in 0..size {
                let path = inclusion(size, position, node).unwrap().unwrap();
                let path: Vec<_> = path.into_iter().map(Into::into).collect();
                let proof = InclusionProof::<Sha256>::from_digests(path.iter());
                root(size).verify_inclusion(&position.to_be_bytes(), position, &proof).unwrap();
                assert!(root(size).verify_inclusion(&(position + 1).to_be_bytes(), position, &proof).is_err());
            }
            assert_eq!(inclusion(size, size, node), Ok(None));
            for first in 1..size {
                let path = consistency(first, size, node).unwrap().unwrap();
                let path: Vec<_> = path.into_iter().map(Into::into).collect();
                let proof = ConsistencyProof::<Sha256>::from_digests(path.iter());
                root(size).verify_consistency(&root(first), &proof).unwrap();
                assert!(root(size).verify_consistency(&root(first - 1), &proof).is_err());
            }
        }
        assert_eq!((consistency(0, 5, node), consistency(6, 5, node)), (Ok(None), Ok(None)));
    }
}
