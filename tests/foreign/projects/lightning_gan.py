"""Lightning: the GAN of its examples, two optimizers by hand, no validation; its forward takes noise."""

from __future__ import annotations

import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import MNIST
from torchvision.utils import make_grid

from tests.foreign.fakes import write_mnist
from tests.foreign.project import Project, run


class Generator(nn.Module):
    def __init__(self, latent_dim: int, img_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.img_shape = img_shape
        pixels = img_shape[0] * img_shape[1] * img_shape[2]
        self.model = nn.Sequential(
            nn.Linear(latent_dim, 64),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(64, 128),
            nn.BatchNorm1d(128, 0.8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(128, pixels),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.model(z).view(z.size(0), *self.img_shape)


class Discriminator(nn.Module):
    def __init__(self, img_shape: tuple[int, int, int]) -> None:
        super().__init__()
        pixels = img_shape[0] * img_shape[1] * img_shape[2]
        self.model = nn.Sequential(nn.Linear(pixels, 64), nn.LeakyReLU(0.2, inplace=True), nn.Linear(64, 1))

    def forward(self, img: Tensor) -> Tensor:
        return self.model(img.view(img.size(0), -1))


class GAN(LightningModule):
    def __init__(self, latent_dim: int = 16, lr: float = 0.001) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.automatic_optimization = False
        self.generator = Generator(latent_dim, (1, 28, 28))
        self.discriminator = Discriminator((1, 28, 28))
        self.validation_z = torch.randn(8, latent_dim)
        self.example_input_array = torch.zeros(2, latent_dim)

    def forward(self, z: Tensor) -> Tensor:
        return self.generator(z)

    def adversarial_loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(y_hat, y)

    def training_step(self, batch: tuple[Tensor, Tensor]) -> None:
        imgs, _ = batch
        optimizer_g, optimizer_d = self.optimizers()
        z = torch.randn(imgs.shape[0], self.hparams["latent_dim"]).type_as(imgs)
        valid, fake = torch.ones(imgs.size(0), 1).type_as(imgs), torch.zeros(imgs.size(0), 1).type_as(imgs)

        self.toggle_optimizer(optimizer_g)
        g_loss = self.adversarial_loss(self.discriminator(self(z)), valid)
        self.log("g_loss", g_loss, prog_bar=True)
        self.manual_backward(g_loss)
        optimizer_g.step()
        optimizer_g.zero_grad()
        self.untoggle_optimizer(optimizer_g)

        self.toggle_optimizer(optimizer_d)
        real_loss = self.adversarial_loss(self.discriminator(imgs), valid)
        fake_loss = self.adversarial_loss(self.discriminator(self(z).detach()), fake)
        d_loss = (real_loss + fake_loss) / 2
        self.log("d_loss", d_loss, prog_bar=True)
        self.manual_backward(d_loss)
        optimizer_d.step()
        optimizer_d.zero_grad()
        self.untoggle_optimizer(optimizer_d)

    def configure_optimizers(self) -> tuple[list[torch.optim.Optimizer], list[object]]:
        networks = (self.generator, self.discriminator)
        return [
            torch.optim.Adam(net.parameters(), lr=self.hparams["lr"], betas=(0.5, 0.999)) for net in networks
        ], []

    def on_train_epoch_end(self) -> None:
        sample_imgs = self(self.validation_z.type_as(self.generator.model[0].weight))
        self.logger.experiment.add_image("generated", make_grid(sample_imgs), self.current_epoch)


def main(project: Project) -> Trainer:
    seed_everything(0, verbose=False)
    write_mnist(project.data, {"train": 320, "t10k": 32})
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    loader = DataLoader(MNIST(project.data, train=True, transform=transform), batch_size=32, shuffle=True)
    trainer = Trainer(max_epochs=3, log_every_n_steps=2, **project.options())
    trainer.fit(GAN(), loader)
    return trainer


if __name__ == "__main__":
    run(main)
